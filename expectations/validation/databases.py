"""What the validation reads from DuckDB files beside the suites, and where it writes outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from expectations.errors import CallError
from expectations.warehouse import Connection, DatabaseError, connect, scalar

RESULTS_DDL = """
    create schema if not exists quality;
    create table if not exists quality.validation_results (
        run_id varchar,
        suite varchar,
        table_name varchar,
        column_name varchar,
        expectation varchar,
        severity varchar,
        success boolean,
        observed_value varchar,
        unexpected_count bigint,
        element_count bigint,
        arguments varchar,
        message varchar,
        validated_at timestamp
    );
"""


class Built(NamedTuple):
    """The build file's AS_OF, and the columns of each `schema.table`."""

    as_of: datetime
    columns: Mapping[str, set[str]]


class Published(NamedTuple):
    """Row counts of the last published run, or the reason why it is not compared with."""

    row_counts: Mapping[str, int]
    reason: str


def read_built(database: Path) -> Built:
    """Reads AS_OF and the columns of a build file.

    Raises:
        CallError: The file is missing, or no warehouse.
    """
    if not database.is_file():
        raise CallError(f"{database}: no such file; build it first (make features)")
    with _opened(database, read_only=True) as con:
        columns = _columns(con)
        return Built(_as_of(con, database, columns), columns)


def read_published(
    published: Path, *, as_of: datetime | None, is_another_platform: bool, tables: Iterable[str]
) -> Published:
    """Counts the rows of the last published run, if that is an earlier state of the same platform.

    Args:
        published: The published file.
        as_of: AS_OF, if somebody chose it. None if it follows from the export: an export that ends
            before the published one has lost rows, and is no look back.
        is_another_platform: Whether the published run is of another platform.
        tables: Whose rows are counted.

    Raises:
        CallError: The published file cannot be read.
    """
    if not published.is_file():
        return Published({}, "first run: nothing is published yet")
    if is_another_platform:
        return Published({}, "first run of this platform: another one is published")
    with _opened(published, read_only=True) as con:
        columns = _columns(con)
        published_as_of = _as_of(con, published, columns)
        if as_of and published_as_of > as_of:
            return Published({}, f"the published run has a later AS_OF, {published_as_of}")
        counts = {
            table: int(scalar(con, f"select count(*) from {table}"))
            for table in tables
            if table in columns
        }
        return Published(
            {table: count for table, count in counts.items() if count},
            "the published run has no row to compare with",
        )


def store_results(
    database: Path, records: Sequence[Mapping[str, Any]], *, run_id: str, validated_at: datetime
) -> None:
    """Appends the records of a run to `quality.validation_results`, in place of its earlier ones.

    Raises:
        CallError: The file cannot be opened for writing.
    """
    names = ", ".join(["run_id", *records[0], "validated_at"])
    rows = [[run_id, *record.values(), validated_at] for record in records]
    marks = ", ".join("?" * len(rows[0]))
    with _opened(database, read_only=False) as con:
        con.execute("begin")
        con.execute(RESULTS_DDL)
        con.execute("delete from quality.validation_results where run_id = ?", [run_id])
        con.executemany(f"insert into quality.validation_results ({names}) values ({marks})", rows)
        con.execute("commit")


@contextmanager
def _opened(database: Path, *, read_only: bool) -> Iterator[Connection]:
    try:
        con = connect(database, read_only=read_only)
    except DatabaseError as error:
        raise CallError(f"{database}: {str(error).splitlines()[0]}") from error
    try:
        yield con
    finally:
        con.close()


def _columns(con: Connection) -> dict[str, set[str]]:
    query = """
        select table_schema || '.' || table_name, list(column_name)
        from information_schema.columns
        where table_catalog = current_database()
        group by all
    """
    return {table: set(columns) for table, columns in con.execute(query).fetchall()}


def _as_of(con: Connection, database: Path, columns: Mapping[str, set[str]]) -> datetime:
    if "as_of" not in columns.get("core.warehouse_as_of", ()):
        raise CallError(
            f"{database}: no table core.warehouse_as_of; build it first (make features)"
        )
    rows = con.execute("select as_of from core.warehouse_as_of").fetchall()
    if len(rows) != 1 or rows[0][0] is None:
        raise CallError(f"{database}: core.warehouse_as_of has {len(rows)} rows, not one timestamp")
    as_of: datetime = rows[0][0]
    return as_of
