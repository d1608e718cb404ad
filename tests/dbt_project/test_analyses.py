"""The questions of `analyses/`: each compiles, runs on a built warehouse, answers as documented."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.forks import REPOSITORY

ANALYSES = REPOSITORY / "dbt_project" / "analyses"
DOCUMENTED = {
    each["name"]: each
    for each in yaml.safe_load((ANALYSES / "_analyses.yml").read_text())["analyses"]
}
NAMES = sorted(path.stem for path in ANALYSES.glob("*.sql"))
# the small world is too young for a model and its experiment, and decides no release
ANSWERED_BY_THE_SMALL_WORLD = {
    "backers_with_most_money_in_escrow",
    "creators_with_late_milestones",
    "milestones_on_time_by_strategy",
    "money_in_escrow_by_status",
    "money_moved_by_month",
    "money_pledged_on_the_first_day",
    "success_by_category",
}


@pytest.fixture(scope="module")
def compiled(whole_warehouse: Path) -> tuple[Path, dict[str, Any]]:
    """A warehouse up to `insights`, and every analysis as dbt compiled it for that."""
    nodes = json.loads((whole_warehouse / "manifest.json").read_text())["nodes"].values()
    return whole_warehouse / "escrow.duckdb", {
        node["name"]: node["compiled_code"] for node in nodes if node["resource_type"] == "analysis"
    }


def test_each_analysis_begins_with_its_question_and_is_documented() -> None:
    first = {name: (ANALYSES / f"{name}.sql").read_text().splitlines()[0] for name in NAMES}
    assert first == {name: f"-- {each['description']}" for name, each in DOCUMENTED.items()}
    assert all("?" in line for line in first.values())
    assert len(NAMES) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_analysis_answers_with_the_documented_columns(
    compiled: tuple[Path, dict[str, Any]], name: str
) -> None:
    database, sql = compiled
    with duckdb.connect(str(database), read_only=True) as connection:
        answer = connection.execute(sql[name])
        columns = [column[0] for column in answer.description]
        rows = answer.fetchall()
    assert columns == [column["name"] for column in DOCUMENTED[name]["columns"]]
    if name in ANSWERED_BY_THE_SMALL_WORLD:
        assert rows


def test_shares_count_nothing_that_was_known_before_the_others_of_its_time(
    compiled: tuple[Path, dict[str, Any]],
) -> None:
    """An early approval and an early cancellation would stand for all that are still open."""
    with duckdb.connect() as connection:
        connection.execute(
            """attach ':memory:' as escrow; use escrow;
            create schema core; create schema features;
            create table core.warehouse_as_of as select timestamp '2024-01-31' as as_of;
            create table core.dim_projects as
                select * from (values
                    (1, 'Art', 'front_loaded', timestamp '2024-01-31', true, 10.00),
                    (2, 'Art', 'front_loaded', timestamp '2024-01-30', false, 5.00),
                    (3, 'Art', 'front_loaded', timestamp '2024-02-01', false, 1.00),
                    (4, 'Art', 'front_loaded', timestamp '2024-02-01', null, 2.00)
                ) as projects(
                    project_id, category, release_strategy, deadline_at, is_successful,
                    pledged_amount
                );
            create table core.fct_milestones as
                select milestone_id, 1 as project_id
                from (values (1), (2), (3)) as milestones(milestone_id);
            create table features.milestone_labels as
                select * from (values
                    (1, false, timestamp '2024-01-31'),
                    (2, true, timestamp '2024-01-30'),
                    (3, false, timestamp '2024-02-01')
                ) as labels(milestone_id, is_high_risk, label_window_ends_at)"""
        )
        by_category = connection.execute(compiled[1]["success_by_category"]).fetchall()
        by_strategy = connection.execute(compiled[1]["milestones_on_time_by_strategy"]).fetchall()
    assert by_category == [("Art", 2, 1, 0.5, 15)]
    assert by_strategy == [("front_loaded", 2, 0.5)]
