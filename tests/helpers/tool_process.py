"""Run a Python program in a forked process, which starts fast because all packages are imported already."""
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

from forked_process import FORKED

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


class ToolProcess:
    """Run a program in a process of :mod:`forked_process`.

    Args:
        name: name of a tool in tools/, or the path of another program.
        *args: command line arguments.
        environment: environment variables to set in the process.
        output: file to append the output to.
        cwd: working directory. Default: that of the tests.
    """

    def __init__(self, name: str | Path, *args, environment: Mapping[str, str], output: Path, cwd: Path | None = None):
        self.output = output
        arguments = TOOLS / name, [str(arg) for arg in args], dict(environment), output, cwd
        self.process = FORKED.Process(target=_run, args=arguments)
        self.process.start()

    def kill(self) -> None:
        """Kill the process with SIGKILL, as the kernel does when memory runs out."""
        assert self.process.exitcode is None, f'it ended before it was killed: {self.output.read_text()[-3000:]}'
        self.process.kill()
        self.process.join()

    def finish(self) -> None:
        """Wait for the end of the process, and assert that its exit status is 0."""
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
