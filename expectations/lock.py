"""Lets one run at a time write a warehouse: `python -m expectations.lock FOLDER -- command …`."""

import fcntl
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

USAGE = "usage: python -m expectations.lock WAREHOUSE -- command ..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Becomes the command when the lock is free; returns 2 when it is not."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) < 3 or given[1] != "--":
        print(f"lock       {USAGE}", file=sys.stderr)
        return 2
    return run_locked(Path(given[0]), given[2:])


def run_locked(folder: Path, command: Sequence[str]) -> int:
    """Replaces this process by a command that holds the folder's lock.

    The lock lies on an open file that the command and all its children inherit, so it is held as
    long as any of them lives, and freed by the kernel however they end. Exit code and signals are
    the command's own, for there is no process around it.

    Returns:
        2, if another run holds the lock or the command is not there; else it does not return.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 100, 0).decode() or "not told yet"
        print(
            f"lock       another run writes {folder}: pid {holder};"
            " wait for it, or end it and what it started",
            file=sys.stderr,
        )
        return 2
    started_at = datetime.now(UTC)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}, since {started_at:%Y-%m-%d %H:%M:%S} UTC".encode(), 0)
    os.set_inheritable(lock, True)
    os.environ.setdefault("ESCROW_RUN_ID", f"{started_at:%Y%m%dT%H%M%SZ}-{os.getpid()}")
    # Python ignores SIGPIPE, and what is ignored stays so in the command
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(command[0], list(command))
    except OSError as error:
        print(f"lock       {command[0]} cannot be run: {error.strerror}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
