"""One run at a time: a second one is refused with the first one's pid, however that one ends."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.errors import CallError
from pipeline.lock import locked

REPOSITORY = Path(__file__).resolve().parents[2]
WAIT = "import sys; print('runs', flush=True); sys.stdin.read()"
HOLD = (
    "import subprocess, sys; from pathlib import Path; from pipeline.lock import locked\n"
    "with locked(Path(sys.argv[1])) as lock:\n    {inside}"
)
# leaves a child that inherited the lock, as a stage does
FORK = f"subprocess.Popen([sys.executable, '-c', {WAIT!r}], pass_fds=(lock,)).wait()"


@contextmanager
def holding(folder: Path, inside: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the folder's lock and has begun its work."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(inside=inside), str(folder)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
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


def is_free(folder: Path) -> bool:
    """Whether a run could begin now."""
    try:
        with locked(folder):
            return True
    except CallError:
        return False


def test_a_second_run_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with holding(tmp_path, WAIT) as first:
        with pytest.raises(CallError) as refused, locked(tmp_path):
            pass
        assert re.fullmatch(
            rf"another run writes {tmp_path}: pid {first.pid}, since"
            r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; wait for it, or end it and what it started",
            str(refused.value),
        )
        assert refused.value.code == 2
    assert is_free(tmp_path)


def test_folders_are_locked_apart(tmp_path: Path) -> None:
    with holding(tmp_path / "one", WAIT):
        assert is_free(tmp_path / "two")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_signal_frees_the_lock(tmp_path: Path, number: signal.Signals) -> None:
    with holding(tmp_path, WAIT) as first:
        first.send_signal(number)
        assert first.wait() == -number
    assert is_free(tmp_path)


def test_a_stage_that_outlives_a_killed_run_still_holds_the_lock(tmp_path: Path) -> None:
    with holding(tmp_path, FORK) as first:
        first.kill()
        assert first.wait() == -signal.SIGKILL
        assert not is_free(tmp_path)
    assert is_free(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    folder.write_text("")
    with pytest.raises(CallError, match=f"{folder} cannot be written"), locked(folder):
        pass
