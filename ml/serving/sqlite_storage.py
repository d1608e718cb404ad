"""A storage for `limits` that is embedded and shared: moving windows in one SQLite file."""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from limits.errors import ConfigurationError
from limits.storage import MovingWindowSupport, Storage

_SCHEMA = """
    create table if not exists entries (key text, acquired_at integer, expires_at integer);
    create index if not exists entries_by_key on entries (key, acquired_at);
    create index if not exists entries_by_expiry on entries (expires_at);
"""
_BUSY_SECONDS = 5.0  # the longest wait for other processes; then the call fails, letting nobody by
_SECOND = 1_000_000_000
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def since_boot() -> int:
    """Returns nanoseconds since the machine started, the same in all its processes.

    Unlike the time of day it is never set: neither forward, which would forget entries too early,
    nor back, which would keep them too long.
    """
    return time.clock_gettime_ns(_BOOT_CLOCK)


class SqliteStorage(Storage, MovingWindowSupport):
    """Keeps moving windows for all processes of one machine.

    Every call is one transaction that takes the write lock first and reads the clock under it, so
    entries are in the order of their times. What a killed process had not committed is not there.
    A power cut may lose the last entries, but never damages the file. Not for use across a fork.

    An entry counts until its age exceeds the window, so that no window, both ends included, holds
    more than the limit. Its age never comes out too high: should the clock read earlier than the
    newest entry of a key, which after a restart of the machine it does, the key's entries move
    back with it.
    """

    STORAGE_SCHEME = ["sqlite"]  # noqa: RUF012 - the library looks for a list in the class

    def __init__(
        self,
        uri: str,
        wrap_exceptions: bool = False,
        *,
        clock: Callable[[], int] = since_boot,
        **options: float | str | bool,
    ) -> None:
        """Does not touch the file yet.

        Args:
            uri: `sqlite:///` and the path of the file, which is made when it is not there.
            wrap_exceptions: Raise `limits.errors.StorageError` instead of what SQLite raises.
            clock: Nanoseconds since any point in time; must advance alike in all processes.
            **options: Of the library's base class.
        """
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        scheme, _, path = uri.partition(":///")
        if scheme != "sqlite" or not path:
            raise ConfigurationError(f"{uri} names no file; write sqlite:///path")
        self._path = Path(path)
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What goes wrong here: SQLite and the file system."""
        return (sqlite3.Error, OSError)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Enters `amount` at once, if the window of `expiry` seconds then holds `limit` at most."""
        with self._transaction() as connection:
            now = self._now(connection, key)
            connection.execute("delete from entries where expires_at < ?", (now,))
            _, count = self._window(connection, key, now - expiry * _SECOND)
            if count + amount > limit:
                return False
            entry = (key, now, now + expiry * _SECOND)
            connection.executemany("insert into entries values (?, ?, ?)", [entry] * amount)
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Returns when the oldest entry of the window was made (epoch seconds), and the count."""
        with self._transaction() as connection:
            now = self._now(connection, key)
            oldest, count = self._window(connection, key, now - expiry * _SECOND)
        return time.time() - (now - oldest if count else 0) / _SECOND, count

    def check(self) -> bool:
        """Returns whether the file can be written."""
        try:
            with self._transaction():
                return True
        except self.base_exceptions:
            return False

    def reset(self) -> int:
        """Forgets everything; returns the number of entries."""
        with self._transaction() as connection:
            return connection.execute("delete from entries").rowcount

    def clear(self, key: str) -> None:
        """Forgets the entries of a key."""
        with self._transaction() as connection:
            connection.execute("delete from entries where key = ?", (key,))

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Is for fixed windows, which let twice the limit through at their edges."""
        raise NotImplementedError("SqliteStorage keeps moving windows only")

    def get(self, key: str) -> int:
        """Is for fixed windows."""
        raise NotImplementedError("SqliteStorage keeps moving windows only")

    def get_expiry(self, key: str) -> float:
        """Is for fixed windows."""
        raise NotImplementedError("SqliteStorage keeps moving windows only")

    def _now(self, connection: sqlite3.Connection, key: str) -> int:
        now = self._clock()
        [(newest,)] = connection.execute(
            "select max(acquired_at) from entries where key = ?", (key,)
        )
        if newest is not None and newest > now:
            connection.execute(
                "update entries set acquired_at = acquired_at - $back,"
                " expires_at = expires_at - $back where key = $key",
                {"key": key, "back": newest - now},
            )
        return now

    @staticmethod
    def _window(connection: sqlite3.Connection, key: str, since: int) -> tuple[int, int]:
        [(oldest, count)] = connection.execute(
            "select min(acquired_at), count(*) from entries where key = ? and acquired_at >= ?",
            (key, since),
        )
        return oldest, count

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                connection = self._connect()
                connection.execute("begin immediate")
                yield connection
                connection.execute("commit")
            except BaseException:
                self._close()  # which rolls back, whatever state it was in
                raise

    def _connect(self) -> sqlite3.Connection:
        """Returns the connection to the file that lies there now; somebody may have removed it."""
        if self._connection is not None and self._opened != self._identity():
            self._close()
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()
            self._opened = self._identity()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        # One at a time: of two that make the file, one would be refused the change to WAL.
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("pragma journal_mode = wal")
                connection.execute("pragma synchronous = normal")
                connection.executescript(_SCHEMA)
            except BaseException:
                connection.close()
                raise
            return connection
        finally:
            os.close(folder)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
