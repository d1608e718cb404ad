"""Writes what passed: seeds, Parquet and their descriptions for dbt, and a new build database."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from expectations.contract import EVENTS, MOMENT, Column, Table
from expectations.warehouse import Connection, Warehouse, attach, literal, scalar

# dbt parses a seed row by row and DuckDB loads it in parallel scans of 8 MB, which may cut a value
# with a line break in two: whatever is larger lands as Parquet.
SEED_ROWS = 50_000
SEED_BYTES = 4_000_000

HISTORY_SCHEMAS = ("ml", "quality")

# dbt reads the moment from a table: as a variable it would be compiled into every model.
LANDING = Table(
    "landing",
    "landing",
    "One row: what the landed tables are for.",
    (Column("as_of", MOMENT, "The timestamp the warehouse is built for (UTC)."),),
)


@dataclass(frozen=True, slots=True)
class LandedTable:
    """One table as it was written.

    Attributes:
        table: Which one.
        row_count: Rows that passed.
        file: The seed or Parquet file, still in the work folder.
        folder: Name of its folder below `raw`, derived from its content; empty for a seed.
    """

    table: Table
    row_count: int
    file: Path
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Platform:
    """What the published projects say about the new ones.

    Attributes:
        contradicting: Published projects that have another creator or launch now.
        missing: Published projects that are not in the new data.
        example: The first of either.
    """

    contradicting: int = 0
    missing: int = 0
    example: tuple[int, ...] = ()


def as_of_data(con: Connection) -> str | None:
    """One microsecond after the last recorded event in the rows that passed; None without any."""
    events = " union all ".join(
        f"select max({column}) as happened_at from rows_{table}" for table, column in EVENTS
    )
    latest = f"select max(happened_at) + interval 1 microsecond from ({events})"
    return spoken_moment(con, f"({latest})")


def spoken_moment(con: Connection, sql: str) -> str | None:
    """A moment to the microsecond, as landed.env has it."""
    value = scalar(con, f"select strftime({sql}, '%Y-%m-%d %H:%M:%S.%f')")
    return None if value is None else str(value)


def write_table(con: Connection, table: Table, work: Path) -> LandedTable:
    """Writes the rows of a table that passed, in the order of their key.

    They are sorted even where they lie in order already: only then are equal rows equal bytes,
    however the file they came from was laid out.
    """
    row_count = scalar(con, f"select count(*) from rows_{table.name}")
    columns = ", ".join(column.name for column in table.columns)
    rows = f"select {columns} from rows_{table.name} order by {table.key}"
    if row_count <= SEED_ROWS:
        path = work / f"{table.name}.csv"
        con.execute(f"copy ({rows}) to {literal(path)} (format csv, header)")
        if path.stat().st_size <= SEED_BYTES:
            return LandedTable(table, row_count, path)
        path.unlink()
    path = work / f"{table.name}.parquet"
    con.execute(f"copy ({rows}) to {literal(path)} (format parquet, compression zstd)")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return LandedTable(table, row_count, path, digest[:16])


def write_landing(as_of: str, work: Path) -> LandedTable:
    """Writes the seed that tells dbt for which moment to build."""
    path = work / f"{LANDING.name}.csv"
    path.write_text(f"{LANDING.key}\n{as_of}\n", encoding="utf-8")
    return LandedTable(LANDING, 1, path)


def dbt_properties(landed: list[LandedTable], raw: Path) -> str:
    """The YAML that tells dbt of the landed tables: seeds, and sources for Parquet.

    Args:
        landed: All tables.
        raw: The warehouse's folder of Parquet folders.
    """
    seeds = [
        {
            "name": each.table.name,
            "description": each.table.description,
            "config": {
                "column_types": {column.name: column.type for column in each.table.columns},
                "quote_columns": False,
            },
            "columns": _columns(each.table),
        }
        for each in landed
        if not each.folder
    ]
    sources = [
        {
            "name": each.table.name,
            "description": each.table.description,
            "config": {
                "meta": {"external_location": str(raw / each.folder / f"{each.table.name}.parquet")}
            },
            "columns": _columns(each.table),
        }
        for each in landed
        if each.folder
    ]
    document: dict[str, object] = {"version": 2, "seeds": seeds}
    if sources:
        document["sources"] = [
            {
                "name": "raw",
                "schema": "raw",
                "description": "Landed tables too large to be seeds; views over Parquet files.",
                "tables": sources,
            }
        ]
    # JSON is YAML
    return "# written by landing, for the data it let in\n" + json.dumps(
        document, indent=2, ensure_ascii=False
    )


def compare_platform(con: Connection, warehouse: Warehouse) -> Platform:
    """Holds the published projects against the new ones; attaches the file as `published`."""
    attach(con, warehouse.published, "published", read_only=True)
    known = scalar(
        con,
        """
        select count(*) from duckdb_tables()
        where database_name = 'published' and schema_name = 'core' and table_name = 'dim_projects'
        """,
    )
    if not known:
        return Platform()
    row = con.execute("""
        with

        compared as (
            select
                before.project_id,
                projects.project_id is null as is_missing,
                before.creator_id <> projects.creator_id
                    or before.launched_at <> projects.launched_at as is_contradicting
            from published.core.dim_projects as before
            left join rows_projects as projects on projects.project_id = before.project_id
        )

        select
            count(*) filter (where is_contradicting),
            count(*) filter (where is_missing),
            min(project_id, 5) filter (where is_contradicting),
            min(project_id, 5) filter (where is_missing)
        from compared
    """).fetchone()
    contradicting, missing, first_contradicting, first_missing = row or (0, 0, [], [])
    return Platform(
        contradicting,
        missing,
        tuple((first_contradicting if contradicting else first_missing) or ()),
    )


def write_build(con: Connection, path: Path, *, run_id: str, has_history: bool) -> None:
    """Makes a new build database: history, and the rows that this run quarantines.

    Args:
        con: The scratch database; with history, `published` is attached to it.
        path: Of the new file.
        run_id: This run.
        has_history: Whether to carry the history of the published file over.
    """
    home = scalar(con, "select current_database()")
    attach(con, path, "build")
    for schema in HISTORY_SCHEMAS:
        con.execute(f"create schema build.{schema}")
    tables = con.execute(
        """
        select schema_name, table_name, sql from duckdb_tables()
        where database_name = 'published' and list_contains($1, schema_name)
        order by all
        """,
        [list(HISTORY_SCHEMAS)],
    ).fetchall()
    con.execute("use build")
    for schema, name, definition in tables if has_history else ():
        con.execute(definition)
        con.execute(f'insert into {schema}."{name}" from published.{schema}."{name}"')
    con.execute("""
        create table if not exists quality.quarantined_rows (
            run_id varchar,
            table_name varchar,
            row_key varchar,
            rule varchar,
            reason varchar,
            source varchar,
            row_json varchar,
            quarantined_at timestamp
        )
    """)
    con.execute(f"use {home}")
    con.execute(
        """
        insert into build.quality.quarantined_rows by name
        select
            $1 as run_id,
            "table" as table_name,
            any_value(key) as row_key,
            min_by(rule, number) as rule,
            string_agg(reason, '; ' order by number) as reason,
            min_by(source, number) as source,
            any_value(row_json) as row_json,
            cast(now() as timestamp) as quarantined_at
        from report
        group by "table", _row, case when _row is null then source end
        order by min(number)
        """,
        [run_id],
    )
    con.execute("checkpoint build")
    con.execute("detach build")


def _columns(table: Table) -> list[dict[str, str]]:
    return [
        {"name": column.name, "description": column.description, "data_type": column.type}
        for column in table.columns
    ]
