"""The published warehouse as pages read it: the only module of the package that opens it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

# Values that columns of the published tables take.
ALL_KINDS, ORACLE, CEILING = "all", "oracle", "observable_ceiling"
INCUMBENT = "stays champion: no candidate took over"
DRIFT, NO_DRIFT, NOT_TESTED = "drift detected", "no drift detected", "not tested"

# how pages write a prediction time: in plain words, with its name in the tables
PREDICTION_TIME = "format('{} ({})', description, snapshot_kind)"

# of the machine, though neither OSError nor MemoryError
MachineError = (duckdb.IOException, duckdb.OutOfMemoryException)
_CATALOG = "escrow"  # by this name the views of a published file call their tables


class PagesError(Exception):
    """A wrong call or a missing input; the message says what, where, and what to do."""


class Published:
    """Answers questions of at most a page's size."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        """Takes an open connection and the file it reads; `open_published` is the way in."""
        self._connection, self.path = connection, path
        self.dbt_docs: Path | None = None  # dbt's static page; its manifest lies beside it

    @property
    def validation_report(self) -> Path:
        """The report of the validation that the warehouse passed."""
        return self.path.parent / "build" / "validation.json"

    def fetch(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Returns all rows of an answer."""
        return self._connection.execute(sql, parameters or None).fetchall()

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """Returns all rows of an answer, each by the names of its columns."""
        result = self._connection.execute(sql, parameters or None)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def parts(self, sql: str, count: int) -> Iterator[list[dict[str, Any]]]:
        """Yields the rows of a long answer, so many at a time; ask nothing else until the end."""
        result = self._connection.execute(sql)
        names = [column[0] for column in result.description or ()]
        while rows := result.fetchmany(count):
            yield [dict(zip(names, row, strict=True)) for row in rows]

    def answer(self, sql: str, count: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """Returns the first rows of an answer, and the types of its columns by name."""
        result = self._connection.execute(sql)
        types = {column[0]: str(column[1]) for column in result.description or ()}
        return [dict(zip(types, row, strict=True)) for row in result.fetchmany(count)], types

    def as_of(self) -> datetime:
        """Returns the timestamp that the warehouse was built for, in UTC."""
        [(as_of,)] = self.fetch("select as_of from core.warehouse_as_of")
        return as_of  # type: ignore[no-any-return]

    def model_runs(self, name: str) -> list[SimpleNamespace]:
        """Returns what counts of a model's runs, oldest first; attributes are the columns."""
        sql = """
            select * from staging.stg_model_runs where model_name = $name
            order by as_of, is_champion, model_version"""
        return [SimpleNamespace(**row) for row in self.rows(sql, name=name)]

    def run_in_use(self, name: str) -> SimpleNamespace | None:
        """Returns the run that says what serves: the champion, or why the model was skipped."""
        sql = "select * from intermediate.int_models_in_use where model_name = $name"
        return next((SimpleNamespace(**row) for row in self.rows(sql, name=name)), None)

    def snapshot_kinds(self, entity: str) -> dict[str, str]:
        """Returns how each fixed kind of snapshot is written: "3 days after launch (d3)"."""
        return dict(
            self.fetch(
                f"select snapshot_kind, {PREDICTION_TIME} from features.snapshot_kinds"
                " where entity = $entity and snapshot_kind <> 'current' order by sort_order",
                entity=entity,
            )
        )


@contextmanager
def open_published(path: Path) -> Iterator[Published]:
    """Opens a published warehouse beside any number of other readers.

    Raises:
        PagesError: There is no such file, it cannot be opened, or a table or column that is read
            meanwhile is not there.
    """
    if not path.is_file():
        raise PagesError(f"there is no warehouse at {path}: make run")
    # Opened by its name, a replaced file would come back as long as the process has it open. What
    # does not fit into memory is written beside it, where it would be if it was opened so.
    settings: dict[str, Any] = {"temp_directory": f"{path}.tmp"}
    if bound := os.environ.get("DUCKDB_MEMORY"):
        settings |= {"memory_limit": bound, "allocator_background_threads": True}
    quoted = str(path).replace("'", "''")
    try:
        connection = duckdb.connect(":memory:", config=settings)
        connection.execute(f"attach '{quoted}' as {_CATALOG} (read_only)")
    except duckdb.Error as error:
        raise PagesError(f"cannot open {path}: {str(error).splitlines()[0]}") from error
    with connection:
        connection.execute(f"use {_CATALOG}")
        try:
            yield Published(connection, path)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            absent = str(error).splitlines()[0]
            raise PagesError(
                f"{path} was built by another version of this project ({absent}): make run"
            ) from error
