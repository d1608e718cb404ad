"""Runs commands of stages in one process: `python -m pipeline.child '[["module", "argument"]]'`.

An unexpected exception would leave with 1, which means that a gate refused: it becomes 70 here.
What the machine refuses (a full disk, a folder that may not be written) becomes one line and 2.
"""

import errno
import json
import runpy
import signal
import sys
import traceback

from pipeline.errors import BUG, DONE, PARTLY_DONE, WRONG_CALL

MACHINE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EPIPE: "nobody reads the output any more",
}
# DuckDB raises errors of its own, which contain the system's message
MACHINE_MESSAGES = ("No space left on device", "Read-only file system", "Permission denied")


def main() -> int:
    """Runs the commands in turn until one fails; returns the exit code.

    Ctrl-C ends it at once, as a kill does, for which all stages are made: libraries would write
    tracebacks, and it comes twice, from the terminal and from the pipeline.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    worst = DONE
    for module, *arguments in json.loads(sys.argv[1]):
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
            print(f"{module}: {reason}: free it, then run again", file=sys.stderr)
            return WRONG_CALL
        traceback.print_exc()
        return BUG
    return DONE


def machine_reason(error: BaseException) -> str | None:
    """Says what the machine refused, with the file; None if it is not the machine's fault."""
    if isinstance(error, OSError) and error.errno in MACHINE:
        return f"{MACHINE[error.errno]} ({error.filename or error.strerror})"
    text = str(error)
    is_of_duckdb = any(each.__module__.endswith("duckdb") for each in type(error).__mro__)
    if is_of_duckdb and any(each in text for each in MACHINE_MESSAGES):
        return text.splitlines()[0]
    return None


def _code(end: SystemExit) -> int:
    if end.code is None:
        return DONE
    if isinstance(end.code, int):
        return end.code
    print(end.code, file=sys.stderr)
    return WRONG_CALL


if __name__ == "__main__":
    sys.exit(main())
