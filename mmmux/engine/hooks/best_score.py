"""Check the scores by which the best checkpoint is chosen (`save_best`), and the `rule` that compares them."""
import contextlib
from collections.abc import Iterable, Iterator, Mapping

from mmmux.utils.errors import ConfigError, UserError, in_a_line

ABSENT = 'absent'  # the metric that lists the classes without an object or pixel in the data


@contextlib.contextmanager
def rule_explained(save_best: str | list[str] | None, rule: str | list[str] | None) -> Iterator[None]:
    """Convert the errors of mmengine's hook about `rule` inside this context to a :class:`ConfigError`.

    Args:
        save_best (str | list[str] | None): The option of the hook; without it, no error is converted.
        rule (str | list[str] | None): The option of the hook.

    Raises:
        ConfigError: mmengine does not know whether a higher score is better.
    """
    try:
        yield
    except (ValueError, KeyError, AssertionError) as error:
        if not save_best or isinstance(error, UserError):
            raise
        raise ConfigError(f'default_hooks.checkpoint has save_best={save_best!r} and rule={rule!r}, which does not say whether '
                          f"a higher score is better ({in_a_line(str(error))}): set rule to 'greater' or 'less', or to a list "
                          'of these, one for each name') from None


def check_measured(names: Iterable[str], metrics: Mapping) -> None:
    """Check that metrics have the names that `save_best` gives.

    Args:
        names (Iterable[str]): Names of metrics, or 'auto'.
        metrics (Mapping): Metrics of a validation; `absent`, possibly with a prefix, lists the classes that have none.

    Raises:
        ConfigError: A name is not among the metrics.
    """
    absent = [cls for name, value in metrics.items() if name.rpartition('/')[2] == ABSENT for cls in value]
    for name in names:
        if name == 'auto' or name in metrics:
            continue
        score = name.partition('/')[2]
        lacking = [cls for cls in absent if score in (cls, f'{cls}_precision') or score.endswith(f'/{cls}')]
        why = f"class '{lacking[0]}' is absent from the validation data" if lacking else 'the validation does not measure it'
        measured = ', '.join(other for other in metrics if other.rpartition('/')[2] != ABSENT)
        raise ConfigError(f"default_hooks.checkpoint.save_best is '{name}', but {why}: choose from {measured}")
