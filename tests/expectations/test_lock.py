"""One run at a time: the second is refused with the first one's pid, however that one ends."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = [sys.executable, "-m", "expectations.lock"]
# says that it runs, and ends when its input does
WAIT = "import sys; print('runs', flush=True); sys.stdin.read()"
# leaves a child that holds the pipes it inherited, then waits itself
FORK = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {WAIT!r}]).wait()"


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command under the folder's lock."""
    inherited = {name: value for name, value in os.environ.items() if name != "ESCROW_RUN_ID"}
    return subprocess.run(
        [*LOCK, str(folder), "--", *command],
        cwd=REPOSITORY,
        env=inherited | environment,
        capture_output=True,
        text=True,
    )


@contextmanager
def running(folder: Path, program: str) -> Iterator[subprocess.Popen[str]]:
    """A program under the folder's lock that has begun its work."""
    process = subprocess.Popen(
        [*LOCK, str(folder), "--", sys.executable, "-c", program],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        close_fds=False,
    )
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == "runs\n"
    try:
        yield process
    finally:
        process.stdin.close()
        # ends when the last process that could hold the lock has closed its output
        process.stdout.read()
        process.stdout.close()
        process.wait()


@pytest.mark.parametrize("code", [0, 1, 7])
def test_the_exit_code_is_the_commands_own(tmp_path: Path, code: int) -> None:
    assert run(tmp_path, "sh", "-c", f"exit {code}").returncode == code


def test_the_run_gets_a_name_unless_it_has_one(tmp_path: Path) -> None:
    named = run(tmp_path / "new" / "folder", "printenv", "ESCROW_RUN_ID").stdout
    assert re.fullmatch(r"\d{8}T\d{6}Z-\d+\n", named)
    kept = run(tmp_path, "printenv", "ESCROW_RUN_ID", ESCROW_RUN_ID="mine").stdout
    assert kept == "mine\n"


def test_a_second_run_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with running(tmp_path, WAIT) as first:
        second = run(tmp_path, "touch", str(tmp_path / "written"))
        assert second.returncode == 2
        assert re.fullmatch(
            rf"lock       another run writes {tmp_path}: pid {first.pid}, since"
            r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; wait for it, or end it and what it started\n",
            second.stderr,
        )
    assert not (tmp_path / "written").exists()
    assert run(tmp_path, "true").returncode == 0


def test_folders_are_locked_apart(tmp_path: Path) -> None:
    with running(tmp_path / "one", WAIT):
        assert run(tmp_path / "two", "true").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_signal_reaches_the_command_and_frees_the_lock(
    tmp_path: Path, number: signal.Signals
) -> None:
    program = f"import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); {WAIT}"
    with running(tmp_path, program) as first:
        first.send_signal(number)
        assert first.wait() == -number
    assert run(tmp_path, "true").returncode == 0


def test_a_child_that_outlives_a_killed_run_still_holds_the_lock(tmp_path: Path) -> None:
    program = FORK.replace("Popen([", "Popen(close_fds=False, args=[")
    with running(tmp_path, program) as first:
        first.kill()
        assert first.wait() == -signal.SIGKILL
        assert run(tmp_path, "true").returncode == 2
    assert run(tmp_path, "true").returncode == 0


def test_a_pipe_in_the_command_ends_quietly(tmp_path: Path) -> None:
    done = run(tmp_path, "bash", "-c", "set -o pipefail; yes | head -1; echo ${PIPESTATUS[0]}")
    assert done.stdout == f"y\n{128 + signal.SIGPIPE}\n"
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [[], ["."], [".", "--"], [".", "true", "--"]])
def test_a_wrong_call_is_told_how_to_call(arguments: list[str]) -> None:
    done = subprocess.run([*LOCK, *arguments], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "lock       usage: python -m expectations.lock WAREHOUSE -- command ...\n"


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "no-such-command")
    assert done.returncode == 2
    assert done.stderr == ("lock       no-such-command cannot be run: No such file or directory\n")
