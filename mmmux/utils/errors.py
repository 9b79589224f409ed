"""Exceptions for errors that a user can correct.

Each message is one sentence that names the value, the accepted values, and the file or config key of the value.
"""

_LONGEST = 200  # characters of a foreign text in a message


class UserError(ValueError):
    """Base class of errors whose cause is outside the code; the message names the cause and the correction.

    The command line tools print the message without a traceback and exit with status 2.
    """


class ConfigError(UserError):
    """A value in a config cannot be used."""


class DatasetError(UserError):
    """An image or annotation cannot be used."""


class CheckpointError(UserError):
    """A checkpoint is unsafe, unreadable, or belongs to another model."""


class TrainingError(UserError):
    """A training cannot continue."""


class ExportError(UserError):
    """A model cannot be exported, or the exported model computes other results than the trained model."""


class InstallationError(UserError, ImportError):
    """Installed packages are missing or incompatible, so mmmux cannot be imported."""


def in_a_line(foreign: str, longest: int = _LONGEST) -> str:
    """Shorten text from a file or library to one printable line for an error message.

    Args:
        foreign (str): The text.
        longest (int): Number of characters that are kept. Defaults to 200.

    Returns:
        str: The first `longest` characters of the first line, with control characters escaped; '...' follows if it was cut.
    """
    foreign = foreign.strip()
    if len(foreign) <= longest and foreign.isprintable():
        return foreign
    line = next(iter(foreign.splitlines()), '')
    shown = ''.join(character if character.isprintable() else repr(character)[1:-1] for character in line[:longest])
    return shown + ('...' if len(line) > longest else '')
