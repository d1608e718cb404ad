"""Asks for one client's places without end: `asking.py REPOSITORY CLOCK LIMITS`."""

import mmap
import os
import struct
import sys
from pathlib import Path


class SharedClock:
    """A clock that processes read from a file of eight bytes."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 8)

    def __call__(self) -> int:
        return int(struct.unpack_from("<q", self._memory)[0])

    def set(self, now: int) -> None:
        struct.pack_into("<q", self._memory, 0, now)


def main() -> None:
    """Writes the time of each place, as the storage read it, on a line of its own."""
    repository, clock, limits = sys.argv[1:]
    sys.path.insert(0, repository)
    from ml.serving.sqlite_storage import SqliteStorage

    shared, read = SharedClock(Path(clock)), 0

    def reading() -> int:
        nonlocal read
        read = shared()
        return read

    storage = SqliteStorage(f"sqlite:///{limits}", clock=reading)
    print("asking", file=sys.stderr, flush=True)
    while True:
        if storage.acquire_entry("ann", 60, 60):
            os.write(1, f"{read}\n".encode())


if __name__ == "__main__":
    main()
