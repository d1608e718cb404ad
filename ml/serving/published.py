"""The published warehouse, kept open for many questions and opened anew when it is replaced."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ml.errors import MlError
from ml.warehouse import Warehouse, WarehouseError, read_warehouse


class Published:
    """Whatever file lies at a path now, read-only, for one thread at a time.

    A publish puts another file in place by a rename. It waits for no reader, and a reader that has
    begun stays with the file it began with.
    """

    def __init__(self, path: Path) -> None:
        """Does not open the file yet."""
        self._path = path
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._warehouse: Warehouse | None = None
        self._identity: tuple[int, ...] = ()

    def require(self) -> None:
        """Makes sure that there is a file.

        Raises:
            WarehouseError: There is none.
        """
        _identity(self._path)

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """Gives the open warehouse, the same object as before unless the file is another one.

        Raises:
            WarehouseError: There is no such file, or it cannot be opened.
        """
        with self._lock:
            try:
                yield self._current()
            except MlError:
                raise
            except BaseException:
                self._close()  # after a fatal error a database answers no more
                raise

    def _current(self) -> Warehouse:
        while self._warehouse is None or self._identity != _identity(self._path):
            self._close()
            self._identity = _identity(self._path)
            self._warehouse = self._open.enter_context(read_warehouse(self._path))
        return self._warehouse

    def _close(self) -> None:
        self._warehouse = None
        self._open.close()


def _identity(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError as error:
        raise WarehouseError(f"there is no warehouse at {path}: make run") from error
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
