"""The connection to the warehouse: the only module of the package that touches the database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ml.errors import MlError

BATCH_ROWS = 65_536
_CATALOG = "escrow"  # by this name the views of a published file call their tables

DatabaseError = duckdb.Error
# of the machine, though neither OSError nor MemoryError
MachineError = (duckdb.IOException, duckdb.OutOfMemoryException)
# a table or column that is read is not there
AbsentError = (duckdb.CatalogException, duckdb.BinderException)


class WarehouseError(MlError):
    """The warehouse is missing, busy, or lacks what ml reads."""


class Warehouse:
    """Reads features and labels as Arrow batches, adds rows to the tables of schema `ml`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, *, attached_as: str | None = None
    ) -> None:
        """Takes an open connection; `open_warehouse` and `read_warehouse` are the ways in."""
        self._connection = connection
        self._attached_as = attached_as

    def as_of(self) -> datetime:
        """Returns the timestamp that the warehouse was built for."""
        rows = self.fetch("select as_of from core.warehouse_as_of")
        if not rows:
            raise WarehouseError("core.warehouse_as_of is empty: build the features again")
        as_of: datetime = rows[0][0]
        return as_of

    def require(self, table: str, *columns: str, needed_by: str = "ml") -> dict[str, str]:
        """Returns the columns of a table with their types.

        Raises:
            WarehouseError: The table, or one of the columns named, is not there.
        """
        try:
            described = self.fetch(f"describe {table}")
        except duckdb.CatalogException as error:
            missing = f"the warehouse has no table {table}: build the features first"
            raise WarehouseError(missing) from error
        types = {name: data_type for name, data_type, *_ in described}
        for column in columns:
            if column not in types:
                raise WarehouseError(
                    f"{table} has no column {column!r}, which {needed_by} reads:"
                    " build it again (make run) or correct models.toml"
                )
        return types

    def content(self, rows: str | pa.Table) -> list[Any]:
        """Returns what changes when a row, or the name or type of a column, does; order is no part.

        It adds up a hash of 64 bits of each row, hashed once more: otherwise two rows that swap
        values of the last column could have the same sum. As in a comparison, 0 and -0 are equal.

        Args:
            rows: A query without parameters, or a table.
        """
        incoming, source = rows, "incoming" if isinstance(rows, pa.Table) else f"({rows})"
        columns = self._connection.execute(f"describe from {source}").fetchall()
        [(count, total)] = self._connection.execute(
            f"select count(*), sum(hash(hash(*columns(*)))) from {source}"
        ).fetchall()
        del incoming  # which DuckDB finds by its name
        return [[column[:2] for column in columns], count, total]

    def add(self, table: str, incoming: pa.Table, *, key: tuple[str, ...] = ()) -> int:
        """Adds the rows whose key is not there yet; NULL equals NULL. Returns how many.

        DuckDB finds `incoming` by the name of the variable. What is registered under a name it
        keeps until the transaction ends: all rows that were ever added in it.
        """
        same = " and ".join(f"present.{name} is not distinct from incoming.{name}" for name in key)
        known = f"anti join ml.{table} as present on {same}" if key else ""
        [(added,)] = self._connection.execute(
            f"insert into ml.{table} by name select incoming.* from incoming {known}"
        ).fetchall()
        return int(added)

    def record(self, table: str, incoming: pa.Table, *, key: tuple[str, ...], made_at: str) -> int:
        """Adds the rows of every key that is not, as a whole, what counts for it already.

        What counts is read from the state view of the table. Returns how many rows were added.

        Args:
            table: Table of schema `ml`.
            incoming: All rows of each of the keys.
            key: The expressions by which the view takes the newest rows.
            made_at: Column of the wall-clock time, which like run and `as_of` says nothing new.
        """
        same = ("run_id", "as_of", made_at)
        content = ", ".join(name for name in incoming.column_names if name not in same)
        keys = "[" + ", ".join(f"cast({part} as varchar)" for part in key) + "]"
        self.fetch(f"create or replace temp table written as from ml.{table} limit 0")
        self._connection.execute("insert into written by name select * from incoming").fetchall()
        [(added,)] = self.fetch(
            f"""
            with counting as (
                select {content} from staging.stg_{table}
                where {keys} in (select {keys} from written)
            ),
            changed as (
                (select {content} from written except all select {content} from counting)
                union all
                (select {content} from counting except all select {content} from written)
            )
            insert into ml.{table}
            select * from written where {keys} in (select {keys} from changed)"""
        )
        self.fetch("drop table written")
        return int(added)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keeps all that is added inside, or nothing of it."""
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def fetch(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Answers a small question: all rows at once, since an unfinished result would block."""
        return self._connection.execute(sql, parameters or None).fetchall()

    def read(self, sql: str, **parameters: Any) -> pa.RecordBatchReader:
        """Streams a large answer; rows can be added to the warehouse while it is being read."""
        cursor = self._connection.cursor()
        if self._attached_as:
            cursor.execute(f"use {self._attached_as}")
        return cursor.sql(sql, params=parameters or None).to_arrow_reader(BATCH_ROWS)


@contextmanager
def open_warehouse(path: Path) -> Iterator[Warehouse]:
    """Opens the database file for writing.

    Raises:
        WarehouseError: There is no such file, it cannot be opened, dbt has not built it, or a table
            or column that is read meanwhile is not there.
    """
    with _connect(path) as connection:
        warehouse = Warehouse(connection)
        warehouse.require("ml.model_runs")
        yield warehouse


@contextmanager
def read_warehouse(path: Path) -> Iterator[Warehouse]:
    """Opens the database file for reading, beside any number of other readers.

    Raises:
        WarehouseError: There is no such file, it cannot be opened, or a table or column that is
            read meanwhile is not there.
    """
    with _connect(path, read_only=True) as connection:
        yield Warehouse(connection, attached_as=_CATALOG)


@contextmanager
def _connect(path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    if not path.is_file():
        raise WarehouseError(f"there is no warehouse at {path}: make run")
    try:
        if read_only:
            connection = _attach(path)
        else:
            settings = _settings(storage_compatibility_version="v1.5.0")
            connection = duckdb.connect(str(path), config=settings)
    except duckdb.Error as error:
        raise WarehouseError(f"cannot open {path}: {str(error).splitlines()[0]}") from error
    with connection:
        try:
            yield connection
        except AbsentError as error:
            absent = str(error).splitlines()[0]
            raise WarehouseError(
                f"{path} was built by another version of this project ({absent}): make run"
            ) from error


def _settings(**others: str) -> dict[str, Any]:
    if bound := os.environ.get("DUCKDB_MEMORY"):
        # under it, what DuckDB has freed goes back to the machine at once
        return {"memory_limit": bound, "allocator_background_threads": True, **others}
    return others


def _attach(path: Path) -> duckdb.DuckDBPyConnection:
    # Opened by its name, a replaced file would come back as long as the process has it open.
    connection = duckdb.connect(":memory:", config=_settings(temp_directory=f"{path}.tmp"))
    quoted = str(path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as {_CATALOG} (read_only)")
    connection.execute(f"use {_CATALOG}")
    return connection
