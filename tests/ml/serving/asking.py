"""Asks for one client's places without end, by a clock that processes share."""

import mmap
import os
import struct
from pathlib import Path

from ml.serving.sqlite_storage import SqliteStorage


class SharedClock:
    """A clock that processes read from a file of eight bytes."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 8)

    def __call__(self) -> int:
        return int(struct.unpack_from("<q", self._memory)[0])

    def set(self, now: int) -> None:
        struct.pack_into("<q", self._memory, 0, now)


def ask_without_end(clock: Path, limits: Path, out: int) -> None:
    """Writes the time of each place, as the storage read it, on a line of its own."""
    shared, read = SharedClock(clock), 0

    def reading() -> int:
        nonlocal read
        read = shared()
        return read

    storage = SqliteStorage(f"sqlite:///{limits}", clock=reading)
    while True:
        if storage.acquire_entry("ann", 60, 60):
            os.write(out, f"{read}\n".encode())
