"""Lets one run at a time write a warehouse."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import CallError


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Holds the folder's lock; gives its file descriptor, for processes that are to hold it too.

    The lock lies on an open file: it is held as long as this process or any child that inherited
    the descriptor lives, and freed by the kernel however they end.

    Raises:
        CallError: Another run holds it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise CallError(f"{folder} cannot be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 100, 0).decode() or "not known yet"
            raise CallError(
                f"another run writes {folder}: pid {holder};"
                " wait for it, or end it and what it started"
            ) from error
        os.ftruncate(lock, 0)
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        os.pwrite(lock, f"{os.getpid()}, since {now}".encode(), 0)
        yield lock
    finally:
        os.close(lock)
