"""A command in a fork leaves what a fresh process leaves: code, words, and nothing in the next."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forks import FORKS, REPOSITORY

SHOWS_ITSELF = """
import os, sys
print(sys.argv, os.getcwd(), sorted(os.environ), sys.stdin.read(), __name__)
print("to the side", file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", SHOWS_ITSELF, "one", "two words"),
        ("-c", "import sys; sys.exit(3)"),
        ("-c", "import sys; sys.exit('why')"),
        ("-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        ("-c", "import atexit; atexit.register(print, 'at the end')"),
        ("-m", "generator", "--scale", "0", "--out", "nowhere"),
        ("-m", "pipeline.publish"),
    ],
    ids=lambda arguments: arguments[1].strip()[-30:],
)
def test_a_fork_is_like_a_fresh_process(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, *arguments]
    home = tmp_path if arguments[0] == "-c" else REPOSITORY
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LC_CTYPE": "C.UTF-8"}
    fresh = subprocess.run(
        command, cwd=home, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    fork = FORKS.run(command, cwd=home, env=environment)
    assert (fork.returncode, fork.stdout, fork.stderr) == (
        fresh.returncode,
        fresh.stdout,
        fresh.stderr,
    )


def test_an_error_in_a_fork_is_told_as_python_does() -> None:
    fork = FORKS.run([sys.executable, "-c", "1 / 0"])
    assert fork.returncode == 1
    assert fork.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_what_a_fork_changes_is_gone_in_the_next() -> None:
    change = "import os, json; os.environ['X'] = '1'; os.chdir('/'); json.dumps = None"
    FORKS.run([sys.executable, "-c", change])
    look = "import os, json; print(os.environ.get('X'), os.getcwd(), json.dumps is None)"
    fork = FORKS.run([sys.executable, "-c", look])
    assert fork.stdout == f"None {REPOSITORY} False\n"


FORKS_ITSELF = """
import os, sys
from tests.forks import ForkedProcess

command = [sys.executable, *sys.argv[1:]]
process = ForkedProcess(command, cwd=os.getcwd(), env=dict(os.environ), pass_fds=())
if "sleep" in sys.argv[-1]:
    process.kill()
sys.exit(process.wait() % 256)
"""


def test_a_fork_of_a_fork_ends_as_a_fresh_process_does() -> None:
    command = [sys.executable, "-m", "pipeline.publish"]
    fresh = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    fork = FORKS.run([sys.executable, "-c", FORKS_ITSELF, *command[1:]])
    assert (fork.returncode, fork.stdout, fork.stderr) == (
        fresh.returncode,
        fresh.stdout,
        fresh.stderr,
    )
    assert fork.returncode == 2
    sleeping = ("-m", "timeit", "-n1", "-r1", "import time; time.sleep(60)")
    killed = FORKS.run([sys.executable, "-c", FORKS_ITSELF, *sleeping])
    assert killed.returncode == 256 - signal.SIGKILL
