"""The history of runs, of the tests of dbt and of volumes: one row each, and bounded."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from pipeline import quality
from pipeline.manifest import DbtTest
from pipeline.quality import Run, record, store_tests

TESTS = {
    "test.unique": DbtTest("unique", "core.dim_projects", "project_id", "error", ("project_id",)),
    "test.money": DbtTest("money_is_conserved", None, None, "warn"),
}


@pytest.fixture
def build() -> Iterator[duckdb.DuckDBPyConnection]:
    """A build without history."""
    with duckdb.connect() as con:
        con.execute(
            "create schema quality; create schema core; create schema ml; create schema raw"
        )
        con.execute("create table core.warehouse_as_of as select timestamp '2024-05-01' as as_of")
        con.execute("create table ml.predictions as from range(3); create table ml.runs (i int)")
        con.execute("create view raw.votes as from range(2)")
        con.execute("create table quality.validation_results (run_id varchar)")
        yield con


def result(name: str, status: str, failures: int | None) -> Any:
    return SimpleNamespace(node=SimpleNamespace(unique_id=name), status=status, failures=failures)


def run_of(name: str, *, features: str) -> Run:
    return Run(name, "2024-06-01 12:00:00", "export", None, None, None, features, name, name)


def names(build: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    rows = build.execute(f"select distinct run_id from quality.{table} order by 1").fetchall()
    return [name for (name,) in rows]


def test_results_of_tests_are_stored_with_what_they_are_about(
    build: duckdb.DuckDBPyConnection,
) -> None:
    found = [
        result("model.dim_projects", "success", None),
        result("test.unique", "fail", 2),
        result("test.money", "skipped", None),
    ]
    for _ in range(2):  # a stage that a run goes through twice has its last results
        store_tests(build, found, TESTS, stage="features", run_id="r1")
    store_tests(build, found[:2], TESTS, stage="insights", run_id="r1")
    rows = build.execute("select * exclude (tested_at) from quality.dbt_test_results order by all")
    unique = ("unique", "core.dim_projects", "project_id", "error", "fail", 2)
    assert rows.fetchall() == [
        ("r1", "features", "money_is_conserved", None, None, "warn", "skipped", None),
        ("r1", "features", *unique),
        ("r1", "insights", *unique),
    ]


def test_a_stage_without_a_test_leaves_no_row(build: duckdb.DuckDBPyConnection) -> None:
    store_tests(build, [], TESTS, stage="features", run_id="r1")
    assert names(build, "dbt_test_results") == []


def test_a_run_is_recorded_once_however_often_it_publishes(
    build: duckdb.DuckDBPyConnection,
) -> None:
    for _ in range(2):
        record(build, run_of("r1", features="r0"), {"votes": "2024-04-01 00:00:00"})
    runs = build.execute("select run_id, scale, features_run_id, as_of from quality.runs")
    assert [row[:3] for row in runs.fetchall()] == [("r1", None, "r0")]
    volumes = build.execute(
        "select table_name, row_count, cast(newest_event_at as date) = '2024-04-01'"
        " from quality.table_volumes order by all"
    )
    assert volumes.fetchall() == [
        ("core.warehouse_as_of", 1, None),
        ("ml.predictions", 3, None),
        ("raw.votes", 2, True),
    ]


def test_only_the_last_runs_are_kept_and_the_results_they_rest_on(
    build: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "KEPT_RUNS", 2)
    for name, features in (("r1", "r1"), ("r2", "r2"), ("r3", "r2"), ("r4", "r2")):
        store_tests(build, [result("test.money", "pass", 0)], TESTS, stage="insights", run_id=name)
        if name == features:
            store_tests(
                build, [result("test.unique", "pass", 0)], TESTS, stage="features", run_id=name
            )
        # r4 was not validated anew
        if name != "r4":
            build.execute("insert into quality.validation_results values ($1)", [name])
        validated = {"validation_run_id": min(name, "r3")}
        record(build, run_of(name, features=features)._replace(**validated), {})
    assert names(build, "runs") == names(build, "table_volumes") == ["r3", "r4"]
    # the features of r3 and r4 were tested in r2
    assert names(build, "dbt_test_results") == ["r2", "r3", "r4"]
    assert names(build, "validation_results") == ["r3"]
