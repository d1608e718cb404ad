"""How a stage ended reaches the caller: 1 only ever means that a gate refused."""

import errno
import json
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipeline import child

REPOSITORY = Path(__file__).resolve().parents[2]
ENDINGS = {
    "done": ("", 0),
    "refused": ("import sys; sys.exit(1)", 1),
    "wrong call": ("import sys; sys.exit(2)", 2),
    "partly done": ("import sys; sys.exit(3)", 3),
    "a bug": ("1 / 0", 70),
    "an exit with words": ("import sys; sys.exit('what to do')", 2),
    "a full disk": (
        "import errno; raise OSError(errno.ENOSPC, 'No space left on device', 'w/x')",
        2,
    ),
    "a full disk of a copy": (
        "import errno; raise OSError(errno.ENOSPC, 'No space left on device', 'a/x', None, 'w/x')",
        2,
    ),
}


def run(folder: Path, *programs: str) -> subprocess.CompletedProcess[str]:
    """Runs programs in turn, as the pipeline runs the commands of a stage."""
    for number, program in enumerate(programs):
        (folder / f"stage_{number}.py").write_text(program)
    commands = [[f"stage_{number}"] for number in range(len(programs))]
    return subprocess.run(
        [sys.executable, "-m", "pipeline.child", json.dumps(commands)],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_ending_has_its_code(tmp_path: Path, ending: str) -> None:
    program, code = ENDINGS[ending]
    done = run(tmp_path, program, "print('next')")
    assert done.returncode == code
    assert ("next" in done.stdout) == (code in (0, 3))
    assert ("Traceback" in done.stderr) == (ending == "a bug")
    if "a full disk" in ending:
        assert done.stderr == "stage_0: the disk is full (w/x): free it, then run again\n"


@pytest.mark.parametrize(
    ("error", "is_machine"),
    [
        (OSError(errno.EROFS, "Read-only file system", "x"), True),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), True),
        (OSError(errno.ENOENT, "No such file or directory", "x"), False),
        (duckdb.IOException('Could not write file "x": No space left on device'), True),
        (duckdb.FatalException("Failed to checkpoint: No space left on device"), True),
        (duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block"), True),
        (MemoryError(), True),
        (duckdb.IOException("file is no database"), False),
        (ValueError("No space left on device"), False),
    ],
)
def test_what_the_machine_refuses_is_no_bug(error: Exception, is_machine: bool) -> None:
    assert (child.machine_reason(error) is not None) == is_machine


def test_ctrl_c_ends_it_without_a_word(tmp_path: Path) -> None:
    """Also where a library would catch the exception and print it."""
    program = """
import os, signal, traceback
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    traceback.print_exc()
"""
    done = run(tmp_path, program)
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("the disk is full (w/x)", "free it, then run again"),
        ("the disk is full (in-memory/escrow.duckdb)", "free it, then run again"),
        ("no memory is left", "free some, or let DuckDB take less (DUCKDB_MEMORY), then run again"),
    ],
)
def test_what_the_machine_refuses_comes_with_what_to_do(reason: str, remedy: str) -> None:
    assert child.with_remedy(reason) == f"{reason}: {remedy}"
