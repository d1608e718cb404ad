"""A small warehouse in good health, made for being spoiled in one place."""

import shutil
from pathlib import Path

import duckdb

from expectations.validation.suite_files import Suite, load_suites
from expectations.warehouse import connect

AS_OF = "2024-01-01 00:00:00"
SUITES: dict[str, Suite] = {suite.name: suite for suite in load_suites()}


def build_world(path: Path, *, scale: int = 1) -> Path:
    """Builds core and features for `scale` times 200 projects."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    execute(path, script.replace("$scale", str(scale)))
    return path


def spoiled(healthy: Path, path: Path, *statements: str) -> Path:
    """Copies a warehouse and runs statements on the copy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(healthy, path)
    execute(path, *statements)
    return path


def execute(path: Path, *statements: str) -> None:
    """Runs statements on a database file."""
    con = connect(path)
    for statement in statements:
        con.execute(statement)
    con.close()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """The rows of a query on a database file."""
    con = duckdb.connect(str(path), read_only=True)
    try:
        return con.execute(query).fetchall()
    finally:
        con.close()


def row_counts(path: Path) -> dict[str, int]:
    """How many rows each table of a suite has."""
    tables = [suite.table for suite in SUITES.values()]
    return {table: int(str(rows(path, f"select count(*) from {table}")[0][0])) for table in tables}
