"""The published warehouse, kept open for many questions and opened anew when it is replaced."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ml.errors import MlError
from ml.serving import published_rows
from ml.serving.published_rows import PublishedRows
from ml.settings import ModelSettings
from ml.warehouse import DatabaseError, Warehouse, WarehouseError, read_warehouse

PUBLISHED = "escrow.duckdb"


class Published:
    """Whatever file lies at a path now, read-only, for one thread at a time.

    A publish puts another file in place by a rename. It waits for no reader, and a reader that has
    begun stays with the file it began with.
    """

    def __init__(self, folder: Path, models: tuple[ModelSettings, ...]) -> None:
        """Does not open the file yet.

        Args:
            folder: The warehouse folder: published file and model files.
            models: The settings of the models.
        """
        self._path, self._model_files, self._models = folder / PUBLISHED, folder / "models", models
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._warehouse: Warehouse | None = None
        self._identity: tuple[int, ...] = ()
        self._rows: tuple[tuple[int, ...], PublishedRows] | None = None

    def require(self) -> None:
        """Makes sure that there is a file.

        Raises:
            WarehouseError: There is none.
        """
        _identity(self._path)

    def rows_at_hand(self) -> PublishedRows | None:
        """Returns the rows of the file that lies there now if they have been read; never waits.

        Raises:
            WarehouseError: There is no such file.
        """
        known = self._rows
        return known[1] if known and known[0] == _identity(self._path) else None

    def rows(self) -> PublishedRows:
        """Returns the rows of the file that lies there now; reads them when it is another one.

        Raises:
            WarehouseError: There is no such file, or it cannot be read.
        """
        if found := self.rows_at_hand():
            return found
        with self.warehouse() as warehouse:
            if not (self._rows and self._rows[0] == self._identity):
                found = published_rows.read(warehouse, self._models, self._model_files)
                if not found.is_final:
                    return found
                self._rows = self._identity, found
            return self._rows[1]

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
            except DatabaseError as error:
                self._close()
                problem = str(error).splitlines()[0]
                raise WarehouseError(f"cannot read {self._path}: {problem}: make run") from error
            except BaseException:
                self._close()  # after a fatal error a database answers no more
                raise

    def close(self) -> None:
        """Lets the file go; the next question opens it again."""
        with self._lock:
            self._close()

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
