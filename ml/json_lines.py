"""Files of JSON lines that several processes append to: a line is whole or does not count."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Opens the file for appending, locked against all other writers; makes it when missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def write(file: int, lines: bytes, *, is_synced: bool = True) -> None:
    """Adds whole lines to an opened file.

    A line that a crash or a full disk has torn is closed first, so that it spoils no other.

    Args:
        file: The file.
        lines: The lines.
        is_synced: Return when they are on the disk, instead of leaving that to `sync`.

    Raises:
        OSError: The lines could not be written; nothing of them is left.
    """
    size = os.fstat(file).st_size
    if lines and size and os.pread(file, 1, size - 1) != b"\n":
        lines = b"\n" + lines
    try:
        while lines:
            lines = lines[os.write(file, lines) :]
        if is_synced:
            os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


def sync(path: Path) -> None:
    """Returns when all that was written is on the disk; meanwhile others write."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yields number and content of the lines that are not empty; an unfinished last one is not."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n") and line.strip():
                yield number, line
