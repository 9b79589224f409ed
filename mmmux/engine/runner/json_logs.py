"""Make mmengine's JSON files, for example the logs of a training, valid JSON."""
from typing import Any, TextIO

from mmengine.fileio import JsonHandler, register_handler

from mmmux.utils.valid_json import plain


class ValidJsonHandler(JsonHandler):
    """mmengine's writer of JSON files, which writes NaN and infinity as null."""

    def dump_to_fileobj(self, obj: Any, file: TextIO, **kwargs: Any) -> None:
        """Write a value to a file."""
        super().dump_to_fileobj(plain(obj), file, **kwargs)

    def dump_to_str(self, obj: Any, **kwargs: Any) -> str:
        """Return a value as text."""
        return super().dump_to_str(plain(obj), **kwargs)


def mmengine_writes_valid_json() -> None:
    """Make mmengine write valid JSON in this process, for all files that it writes. For programs, not for modules."""
    register_handler('json')(ValidJsonHandler)
