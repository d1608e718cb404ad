"""The comparison of two builds: it counts rows, and sees what is missing."""

from pathlib import Path

import duckdb

from tests.benchmarks.spark import differing

STATEMENTS = (
    "create schema core",
    "create table core.held as select 1 as project_id, 0.01 as amount, 'now' as run_id",
    "create view core.shown as from core.held",
)


def build(path: Path, *more: str) -> Path:
    with duckdb.connect(str(path)) as con:
        con.execute("; ".join([*STATEMENTS, *more]))
    return path


def test_equal_builds_have_no_rows_that_differ(tmp_path: Path) -> None:
    later = "update core.held set run_id = 'later'"
    one, other = build(tmp_path / "1.duckdb"), build(tmp_path / "2.duckdb", later)
    assert differing(one, other) == {"core.held": 0, "core.shown": 0}


def test_rows_that_differ_are_counted_on_both_sides(tmp_path: Path) -> None:
    one = build(tmp_path / "1.duckdb")
    cent = build(tmp_path / "2.duckdb", "update core.held set amount = 0.02")
    twice = build(tmp_path / "3.duckdb", "insert into core.held from core.held")
    assert differing(one, cent) == {"core.held": 2, "core.shown": 2}
    assert differing(one, twice) == {"core.held": 1, "core.shown": 1}


def test_a_missing_table_and_another_type_are_seen(tmp_path: Path) -> None:
    one = build(tmp_path / "1.duckdb")
    missing = build(tmp_path / "2.duckdb", "drop view core.shown")
    typed = build(tmp_path / "3.duckdb", "alter table core.held alter amount type double")
    assert differing(one, missing) == {"core.held": 0, "core.shown": 1}
    assert differing(one, typed)["core.held"] == 1
