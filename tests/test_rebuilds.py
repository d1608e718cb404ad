"""A rebuilt database holds what is landed now, whichever way it came in."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from tests.rebuilds import Model, Template


def test_large_tables_are_read_from_the_parquet_file_landed_now(tmp_path: Path) -> None:
    """What dbt compiled names the file of the first export, which may still be there."""
    old, new = (tmp_path / name / "raw" / "digest" / "pledges.parquet" for name in ("old", "new"))
    seeds = tmp_path / "new" / "landed" / "seeds"
    for folder in (old.parent, new.parent, seeds):
        folder.mkdir(parents=True)
    (seeds / "landing.csv").write_text("as_of\n2024-01-01\n")
    duckdb.execute(f"copy (select 1 as pledge_id) to '{old}' (format parquet)")
    duckdb.execute(f"copy (select 2 as pledge_id) to '{new}' (format parquet)")
    staged, built = f"select * from '{old}'", "select * from main.staged"
    with duckdb.connect(str(tmp_path / "template.duckdb")) as connection:
        connection.execute("create schema raw; create table raw.landing (as_of date)")
        connection.execute(f"create view staged as {staged}; create table built as {built}")
    models = [Model("main.staged", False, (), staged), Model("main.built", True, (), built)]
    shop: Any = SimpleNamespace(warehouse=tmp_path / "new", database=tmp_path / "database.duckdb")

    database = Template(tmp_path / "template.duckdb", models).fill(shop)

    with duckdb.connect(str(database)) as connection:
        assert connection.execute("from built").fetchall() == [(2,)]
