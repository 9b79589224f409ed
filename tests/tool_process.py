"""A program below tools/ in a process that starts at once, because everything is imported there already."""
import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / 'tools'


class ToolProcess:
    """It is forked from a server that has imported what the tool needs, and that has computed nothing, as these tests have.

    Args:
        name: of the tool.
        args: of the command line.
        imports: modules to have imported.
        environment: variables that are set in the process.
        output: a file that what it prints is added to.
    """

    def __init__(self, name: str, *args, imports: list[str], environment: Mapping[str, str], output: Path):
        context = multiprocessing.get_context('forkserver')
        context.set_forkserver_preload(imports)
        self.output = output
        self.process = context.Process(target=_run, args=(name, [str(arg) for arg in args], dict(environment), output))
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
