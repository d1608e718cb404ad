"""Writes what was accepted: seeds, Parquet and their descriptions for dbt; what was not, aside."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from expectations.landing.contract import EVENTS, TEXT, TIMESTAMP, Column, Table
from expectations.warehouse import Connection, Warehouse, literal, scalar

# dbt parses a seed row by row and DuckDB loads it in parallel scans of 8 MB, which may cut a value
# with a line break in two: whatever is larger lands as Parquet.
SEED_ROWS = 50_000
SEED_BYTES = 4_000_000
# the second version stores differences of integers: as small as the first one with zstd, written in
# half its time and read in less
PARQUET = "format parquet, parquet_version v2, compression snappy"
ROW_GROUP = 122_880  # rows of a row group that DuckDB writes

# dbt reads AS_OF from a table: as a variable it would be compiled into every model.
LANDING = Table(
    "landing",
    "landing",
    "One row: what the landed tables are for.",
    (
        Column("as_of", TIMESTAMP, "The timestamp the warehouse is built for (UTC)."),
        Column("run_id", TEXT, "The run that landed the tables."),
    ),
)

_NEWEST = " union all ".join(
    f"select {literal(table)} as table_name, max({column}) as happened_at from rows_{table}"
    for table, column in EVENTS
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

    @property
    def is_parquet(self) -> bool:
        """Whether dbt reads the file in place; a seed is loaded."""
        return self.file.suffix == ".parquet"

    def place(self, warehouse: Warehouse) -> Path:
        """Where the file lies once the landing is swapped in."""
        if self.folder:
            return warehouse.raw / self.folder / self.file.name
        return warehouse.landed / ("" if self.is_parquet else "seeds") / self.file.name


def newest_events(con: Connection) -> dict[str, str]:
    """The last recorded event of each table that has one, in the rows that passed."""
    rows = con.execute(f"""
        select table_name, strftime(max(happened_at), '%Y-%m-%d %H:%M:%S.%f')
        from ({_NEWEST}) where happened_at is not null group by table_name order by table_name
    """).fetchall()
    return dict(rows)


def as_of_data(newest: dict[str, str]) -> str | None:
    """One microsecond after the last of the newest events; None without any."""
    if not newest:
        return None
    after = datetime.fromisoformat(max(newest.values())) + timedelta(microseconds=1)
    return after.isoformat(" ", "microseconds")


def first_launch(con: Connection) -> datetime | None:
    """When the first project of the rows that passed was launched; None without any."""
    first: datetime | None = scalar(con, "select min(launched_at) from rows_projects")
    return first


def has_even_row_groups(con: Connection, path: Path) -> bool:
    """Whether rows copied from a file as they lie are cut into the same row groups as sorted ones.

    DuckDB cuts anew only where a row group of the file is larger, and merges only smaller ones:
    one of 122,000 rows it leaves as it is.
    """
    if path.suffix != ".parquet":
        return False
    sql = f"""
        select count(*) from (
            select row_group_num_rows, row_group_id < max(row_group_id) over () as is_followed
            from parquet_metadata({literal(path)})
        )
        where is_followed and row_group_num_rows % {ROW_GROUP} <> 0
    """
    return bool(scalar(con, sql) == 0)


def write_table(
    con: Connection,
    table: Table,
    work: Path,
    *,
    is_seeding: bool = True,
    is_ordered: bool = False,
) -> LandedTable:
    """Writes the rows of a table that passed, in the order of their key: a small one as a seed.

    Equal rows are equal bytes, however the file they came from was laid out. So rows are sorted
    even where they lie in order already, unless `is_ordered`: copied as they lie, they are cut into
    the same row groups.
    """
    row_count = scalar(con, f"select count(*) from rows_{table.name}")
    columns = ", ".join(column.name for column in table.columns)
    order = "" if is_ordered else f"order by {table.key}"
    rows = f"select {columns} from rows_{table.name} {order}"
    if is_seeding and row_count <= SEED_ROWS:
        path = work / f"{table.name}.csv"
        con.execute(f"copy ({rows}) to {literal(path)} (format csv, header)")
        if path.stat().st_size <= SEED_BYTES:
            return LandedTable(table, row_count, path)
        path.unlink()
    path = work / f"{table.name}.parquet"
    con.execute(f"copy ({rows}) to {literal(path)} ({PARQUET})")
    return LandedTable(table, row_count, path, _digest(path))


def is_whole(path: Path, folder: str) -> bool:
    """Whether a landed Parquet file is there and holds what its folder's name says."""
    return path.is_file() and _digest(path) == folder


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def write_landing(
    con: Connection, as_of: str, run_id: str, work: Path, *, is_seeding: bool
) -> LandedTable:
    """Writes the row from which dbt reads the timestamp to build for."""
    path = work / f"{LANDING.name}.{'csv' if is_seeding else 'parquet'}"
    if is_seeding:
        path.write_text(f"as_of,run_id\n{as_of},{run_id}\n", encoding="utf-8")
    else:
        row = f"select cast({literal(as_of)} as timestamp) as as_of, {literal(run_id)} as run_id"
        con.execute(f"copy ({row}) to {literal(path)} ({PARQUET})")
    return LandedTable(LANDING, 1, path)


def dbt_properties(landed: list[LandedTable], warehouse: Warehouse) -> str:
    """The YAML that declares the landed tables to dbt: seeds, and sources for Parquet.

    Args:
        landed: All tables.
        warehouse: Where they will lie.
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
        if not each.is_parquet
    ]
    sources = [
        {
            "name": each.table.name,
            "description": each.table.description,
            "config": {"meta": {"external_location": str(each.place(warehouse))}},
            "columns": _columns(each.table),
        }
        for each in landed
        if each.is_parquet
    ]
    document: dict[str, object] = {"version": 2, "seeds": seeds}
    if sources:
        document["sources"] = [
            {
                "name": "raw",
                "schema": "raw",
                "description": "Landed tables that are read in place; views over Parquet files.",
                "tables": sources,
            }
        ]
    # JSON is YAML
    return "# written by landing, for the data it accepted\n" + json.dumps(
        document, indent=2, ensure_ascii=False
    )


def write_quarantined(con: Connection, path: Path) -> None:
    """Writes the rows that were left out, one row each with all reasons."""
    con.execute(f"""
        copy (
            select
                "table" as table_name,
                any_value(key) as row_key,
                min_by(rule, number) as rule,
                string_agg(reason, '; ' order by number) as reason,
                min_by(source, number) as source,
                any_value(row_json) as row_json
            from report
            group by "table", _row, case when _row is null then source end
            order by min(number)
        ) to {literal(path)} (format parquet)
    """)


def write_macro(landed: list[LandedTable], folder: Path) -> None:
    """Writes the macro that lists for dbt which tables are Parquet."""
    folder.mkdir()
    names = json.dumps([each.table.name for each in landed if each.is_parquet])
    text = f"{{% macro parquet_tables() %}}{{{{ return({names}) }}}}{{% endmacro %}}\n"
    (folder / "parquet_tables.sql").write_text(text, encoding="utf-8")


def _columns(table: Table) -> list[dict[str, str]]:
    return [
        {"name": column.name, "description": column.description, "data_type": column.type}
        for column in table.columns
    ]
