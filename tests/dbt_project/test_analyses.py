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
