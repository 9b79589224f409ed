"""The errors a user can mend: one sentence that names the value, what is accepted, and where it came from."""


class UserError(ValueError):
    """Something outside the code is wrong; the message alone tells what and how to mend it.

    The tools print the message without a traceback and exit with status 2.
    """


class ConfigError(UserError):
    """A value in a config cannot be used."""


class DatasetError(UserError):
    """Pictures or annotations on disk cannot be used."""


class CheckpointError(UserError):
    """A checkpoint is unsafe, unreadable, or belongs to another model."""


class TrainingError(UserError):
    """A training cannot go on."""


class ExportError(UserError):
    """An exported model does not do what the trained one does."""


class InstallationError(UserError, ImportError):
    """The installed packages do not work together, so that mmmux cannot be imported."""


def in_a_line(foreign: str, most: int = 200) -> str:
    """Text of a file or another library as a sentence can hold it: its first line, without control characters, not long."""
    foreign = foreign.strip()
    if len(foreign) <= most and foreign.isprintable():
        return foreign
    line = next(iter(foreign.splitlines()), '')
    shown = ''.join(character if character.isprintable() else repr(character)[1:-1] for character in line[:most])
    return shown + ('...' if len(line) > most else '')
