"""Commands run in an environment: their output goes into its log, and what went wrong is said in one sentence."""
import os
import re
import shutil
import subprocess
import sys
import time

from stacks import Stack

TERMINAL = sys.stdout.isatty()
CAUSES = [  # what a log says, what it means, what to do
    ('No space left on device|Errno 28|Disk quota', 'the disk is full', 'free 3 GB (10 for CUDA) and run this again'),
    (r'Python\.h: No such file', 'the headers of Python are missing', 'install python3-dev (python3-devel) and run this again'),
    ('Killed signal|: Killed|annot allocate memory', 'the compiler ran out of memory', 'run this again with MAX_JOBS=1 set'),
    (r'libGL\.so|libgthread|libglib', 'OpenCV lacks a system library', 'install libgl1 and libglib2.0-0 and run this again'),
    ('Failed to establish|[Nn]ame ?[Rr]esolution|Network is unreachable|timed out|ProxyError|SSLError|Max retries'
     '|from versions: none', 'the package index cannot be reached', "check the network and pip's settings and run this again"),
]


class SetupError(Exception):
    """Why the environment is not ready and what the user can do, in one sentence."""


class Shell:

    def __init__(self, stack: Stack, log, find_links: list):
        self.stack, self.log, self.find_links, self.heading = stack, log, find_links, ''
        temporary = stack.venv / 'tmp'  # the system's own may be on another, smaller disk
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        self.environment = {**os.environ, 'PYTHONPATH': '', 'PYTHONUNBUFFERED': '1', 'PYTHONNOUSERSITE': '1', 'PIP_USER': '0',
                            'PIP_DISABLE_PIP_VERSION_CHECK': '1', 'PIP_NO_INPUT': '1', 'TMPDIR': str(temporary)}

    def show(self, text: str, passing: bool = False) -> None:
        """Print a line; a passing one is overwritten by the next, where there is a terminal."""
        print(f'\r{text}\033[K' if TERMINAL else text, end='' if TERMINAL and passing else '\n', flush=True)

    def run(self, *command, watch=None, env=None, cwd=None) -> tuple:
        """Run a command; returns its exit status and output.

        It writes to the locked log by itself: if this process is killed, the command goes on and the next run waits for it.
        """
        print(f'\n{time.strftime("%F %T")} $', *command, file=self.log, flush=True)
        output, status = '', None
        with open(self.stack.log, errors='replace') as reader:
            reader.seek(0, os.SEEK_END)
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self.log,
                                       stderr=self.log, cwd=cwd or self.stack.venv, env=env or self.environment)
            while status is None:
                time.sleep(0.1)
                status = process.poll()
                output += reader.read()
                if watch:
                    watch(output)
        return status, output

    def pip(self, *arguments, what: str, command: str = 'install') -> None:
        status, output = self.run(self.stack.python, '-m', 'pip', command, '--progress-bar=off', *arguments, *self.find_links)
        if status:
            raise self.failure(f'{what} could not be installed', output)

    def problem(self, code: str) -> str:
        """Run code in the environment; returns '' or the last line of what went wrong."""
        status, output = self.run(self.stack.python, '-c', code)
        return (last_line(output) if output.strip() else f'Python ended with status {status}') if status else ''

    def must_run(self, code: str, complaint: str) -> None:
        if problem := self.problem(code):
            raise self.failure(complaint, problem)

    def failure(self, what: str, output: str) -> SetupError:
        log = self.stack.log
        for pattern, cause, remedy in CAUSES:
            if found := re.search(f'.*(?:{pattern}).*', output):
                return SetupError(f'{what}: {cause}; {remedy} (log {log}: "{found[0].strip()[:300]}")')
        return SetupError(f'{what}; mend what the log {log} says and run this again ("{last_line(output)}")')


def last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search('error|No space|Killed', line, re.IGNORECASE)]
    return (errors or lines or ['nothing'])[-1][:300]
