"""Runs commands of stages in one process: `python -m pipeline.child '[["module", "argument"]]'`.

With `--orders FD`, a line of such commands comes through a socket whenever the next stage is due,
and the exit code of each line goes back.

An unexpected exception would leave with 1, which means that a gate refused: it becomes 70 here.
What the machine refuses (a full disk, a folder that may not be written) becomes one line and 2.
"""

import atexit
import errno
import gc
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from pipeline.errors import BUG, DONE, PARTLY_DONE, WRONG_CALL

MACHINE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EPIPE: "nobody reads the output any more",
}
OUT_OF_MEMORY = "Out of Memory Error"
# DuckDB raises errors of its own, which contain the system's message
MACHINE_MESSAGES = (
    *("No space left on device", "Read-only file system", "Permission denied"),
    OUT_OF_MEMORY,
)
NO_MEMORY = "no memory is left"  # for Python: DuckDB has a limit of its own
REMEDIES = {
    OUT_OF_MEMORY: "free some, or let DuckDB take more (DUCKDB_MEMORY)",
    NO_MEMORY: "free some, or let DuckDB take less (DUCKDB_MEMORY)",
}


def main() -> int:
    """Runs what is asked for and returns the exit code.

    Ctrl-C ends it at once, as a kill does, for which all stages are made: libraries would write
    tracebacks, and it comes twice, from the terminal and from the pipeline.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # objects of imports and of dbt's parse live until the end: looking for dead ones among them
    # again and again would cost a tenth of a small run
    gc.set_threshold(100_000, 50, 100)
    if sys.argv[1] == "--orders":
        return _obey(socket.socket(fileno=int(sys.argv[2])))
    return run_all(json.loads(sys.argv[1]))


def _obey(orders: socket.socket) -> int:
    with orders, orders.makefile("r", encoding="utf-8") as lines:
        for line in lines:
            code = run_all(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            orders.sendall(str(code).encode())
    return DONE


def _show_in_ps(command: list[str]) -> None:
    """Names the process after its present command in the lists of processes of Linux."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(" ".join(command)[:15], encoding="utf-8")


def run_all(commands: list[list[str]]) -> int:
    """Runs commands in turn until one fails; returns the exit code."""
    worst = DONE
    for module, *arguments in commands:
        _show_in_ps([module, *arguments])
        code = run(module, arguments)
        if code not in (DONE, PARTLY_DONE):
            return code
        worst = max(worst, code)
    return worst


def run(module: str, arguments: list[str]) -> int:
    """Runs a module as `python -m` does and returns its exit code."""
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return _code(end)
    except Exception as error:
        if reason := machine_reason(error):
            print(f"{module}: {with_remedy(reason)}", file=sys.stderr)
            return WRONG_CALL
        traceback.print_exc()
        return BUG
    return DONE


def machine_reason(error: BaseException) -> str | None:
    """Says what the machine refused, with the file; None if it is not the machine's fault."""
    if isinstance(error, OSError) and error.errno in MACHINE:
        return f"{MACHINE[error.errno]} ({error.filename or error.strerror})"
    if isinstance(error, MemoryError):
        return NO_MEMORY
    text = str(error)
    is_of_duckdb = any(each.__module__.endswith("duckdb") for each in type(error).__mro__)
    if is_of_duckdb and any(each in text for each in MACHINE_MESSAGES):
        return text.splitlines()[0]
    return None


def with_remedy(reason: str) -> str:
    """Adds to what the machine refused what to do about it."""
    what = next((what for sign, what in REMEDIES.items() if sign in reason), "free it")
    return f"{reason}: {what}, then run again"


def _code(end: SystemExit) -> int:
    if end.code is None:
        return DONE
    if isinstance(end.code, int):
        return end.code
    print(end.code, file=sys.stderr)
    return WRONG_CALL


if __name__ == "__main__":
    code = main()
    # taking thousands of modules apart would cost a second
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
