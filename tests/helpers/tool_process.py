"""A Python program in a process that starts at once, because everything is imported there already."""
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
        name: of a tool below tools/, or the path of another program.
        args: of the command line.
        environment: variables that are set in the process.
        output: a file that what it prints is added to.
        cwd: the folder that it runs in; None for that of the tests.
    """

    def __init__(self, name: str | Path, *args, environment: Mapping[str, str], output: Path, cwd: Path | None = None):
        self.output = output
        arguments = TOOLS / name, [str(arg) for arg in args], dict(environment), output, cwd
        self.process = FORKED.Process(target=_run, args=arguments)
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


def _run(program: Path, args: list[str], environment: dict[str, str], output: Path, cwd: Path | None) -> None:
    with open(output, 'ab') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (open(number, 'w', closefd=False) for number in (1, 2))  # noqa: SIM115
    os.environ.update(environment)
    if cwd is not None:
        os.chdir(cwd)
    sys.argv = [str(program), *args]
    sys.path[0] = str(program.parent)
    runpy.run_path(str(program), run_name='__main__')
