"""A program below tools/ in a process that starts at once, because everything is imported there already."""
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

from forked_process import FORKED

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


class ToolProcess:
    """A forked one, as of :mod:`forked_process`.

    Args:
        name: of the tool.
        args: of the command line.
        environment: variables that are set in the process.
        output: a file that what it prints is added to.
    """

    def __init__(self, name: str, *args, environment: Mapping[str, str], output: Path):
        self.output = output
        self.process = FORKED.Process(target=_run, args=(name, [str(arg) for arg in args], dict(environment), output))
        self.process.start()

    def kill(self) -> None:
        """End it as the kernel ends what runs out of memory."""
        assert self.process.exitcode is None, f'it ended before it was killed: {self.output.read_text()[-3000:]}'
        self.process.kill()
        self.process.join()

    def finish(self) -> None:
        """Wait until it has ended as it should."""
        self.process.join()
        assert self.process.exitcode == 0, self.output.read_text()[-3000:]


def _run(name: str, args: list[str], environment: dict[str, str], output: Path) -> None:
    with open(output, 'ab') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (open(number, 'w', closefd=False) for number in (1, 2))  # noqa: SIM115
    os.environ.update(environment)
    sys.argv = [name, *args]
    runpy.run_path(str(TOOLS / name), run_name='__main__')
