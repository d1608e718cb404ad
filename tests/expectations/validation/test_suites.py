"""Every expectation of every suite holds on a healthy warehouse and is seen failing on a sick one.

A new expectation comes with the statements that break it, one for each of its limits and
conditions (`spoilers.py`), or this file says that they are missing.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest

from expectations.validation.databases import Published
from expectations.validation.outcomes import Outcome
from expectations.validation.stage import judge
from expectations.validation.suite_files import Expectation, Suite
from tests.expectations.validation.spoilers import SPOILERS, spoilers
from tests.expectations.validation.validation_world import (
    SUITES,
    build_world,
    row_counts,
    spoiled,
)

NOT_COMPARED = Published({}, "not compared")

# An expectation about several columns is one group.
GROUPS = [
    list(group)
    for suite in SUITES.values()
    for _, group in groupby(suite.expectations, key=lambda each: each.name)
]
CASES = [
    pytest.param(group, statement, id=f"{group[0].suite}.{group[0].name}-{number}")
    for group in GROUPS
    for number, statement in enumerate(spoilers(group))
]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_world(tmp_path_factory.mktemp("world") / "escrow.duckdb")


@pytest.fixture(scope="module")
def earlier(healthy: Path) -> Published:
    return Published(row_counts(healthy), "")


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group[0].suite}.{group[0].name}")
def test_what_breaks_an_expectation_is_listed(group: Sequence[Expectation]) -> None:
    limits = {"min_value", "max_value"} & set(group[0].arguments)
    assert len(spoilers(group)) >= max(1, len(limits))


def test_spoilers_belong_to_expectations() -> None:
    named = {f"{s.name}.{each.name}" for s in SUITES.values() for each in s.expectations}
    assert set(SPOILERS) <= named


def test_every_expectation_holds_on_a_healthy_warehouse(healthy: Path, earlier: Published) -> None:
    outcomes = judge(healthy, SUITES.values(), earlier)
    assert len(outcomes) == sum(len(suite.expectations) for suite in SUITES.values())
    assert [each.message for each in outcomes if not each.success] == []
    assert [each.expectation.where for each in outcomes if each.note] == []


@pytest.mark.parametrize(("group", "statement"), CASES)
def test_expectation_fails(
    group: Sequence[Expectation],
    statement: str,
    healthy: Path,
    earlier: Published,
    tmp_path: Path,
) -> None:
    sick = spoiled(healthy, tmp_path / "escrow.duckdb", statement)
    status = {"error": "error", "warn": "warning"}[group[0].severity]
    outcomes = judge_only(group, sick, earlier)
    assert {each.place: each.status for each in outcomes if each.status != status} == {}
    assert all("observed" in each.message for each in outcomes)


@pytest.mark.parametrize(
    "value", ["pledged_amount = 9999999999999999.99, is_decided = true", "pace_ratio = 1e31"]
)
def test_money_of_16_digits_and_a_campaign_of_a_microsecond_are_accepted(
    value: str, healthy: Path, tmp_path: Path
) -> None:
    large = spoiled(
        healthy,
        tmp_path / "escrow.duckdb",
        f"update features.project_features set {value} where rowid = 3",
        "update features.milestone_features set funding_amount = 9999999999999999.99"
        " where rowid = 3",
    )
    suites = [SUITES["project_features"], SUITES["milestone_features"]]
    outcomes = judge(large, suites, NOT_COMPARED)
    assert [each.message for each in outcomes if each.status == "error"] == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_rates_are_finite(value: str, healthy: Path, tmp_path: Path) -> None:
    statement = f"update features.project_features set pace_ratio = '{value}' where rowid = 3"
    sick = spoiled(healthy, tmp_path / "escrow.duckdb", statement)
    finite = next(
        each
        for each in SUITES["project_features"].expectations
        if each.name == "measures_are_finite_and_not_negative" and each.column == "pace_ratio"
    )
    (outcome,) = judge_only([finite], sick, NOT_COMPARED)
    assert (outcome.status, outcome.unexpected_count) == ("error", 1)


@pytest.mark.parametrize(
    ("missing", "thirds", "is_accepted"),
    [(0, 3, True), (-1, 3, False), (0, 1, True), (1, 1, False)],
)
def test_both_limits_of_a_measure_are_accepted(
    healthy: Path, earlier: Published, missing: int, thirds: int, *, is_accepted: bool
) -> None:
    """One row for each published one, or three."""
    table = "core.fct_votes"
    assert earlier.row_counts[table] % 3 == 0
    published = earlier.row_counts[table] // thirds + missing
    volume = next(
        each for each in SUITES["fct_votes"].expectations if each.name == "volume_against_published"
    )
    (outcome,) = judge_only([volume], healthy, Published({table: published}, ""))
    assert outcome.success is is_accepted


def test_failing_rows_are_named_by_key(healthy: Path, tmp_path: Path) -> None:
    statement = "update core.escrow_balances set held_amount = -0.01 where project_id in (7, 9)"
    sick = spoiled(healthy, tmp_path / "escrow.duckdb", statement)
    outcomes = judge(sick, [SUITES["escrow_balances"]], NOT_COMPARED)
    (failed,) = [each for each in outcomes if each.status == "error"]
    assert failed.place == "core.escrow_balances.held_amount"
    assert failed.observed_text == "2 of 200 rows fail"
    assert failed.rows_text == "project_id=7, held_amount=-0.01; project_id=9, held_amount=-0.01"


def test_a_small_young_export_is_accepted(healthy: Path, tmp_path: Path) -> None:
    """Fourteen ended campaigns, nothing delivered, nobody voted: warnings, but no error."""
    young = spoiled(
        healthy,
        tmp_path / "escrow.duckdb",
        *(
            f"delete from {table} where project_id > 14"
            for table in (
                *("core.dim_projects", "core.fct_pledges", "core.fct_milestones"),
                *("core.fct_escrow_transactions", "core.escrow_balances"),
                *("features.project_features", "features.project_labels"),
            )
        ),
        "delete from core.fct_votes",
        "delete from core.fct_experiment_exposures",
        "delete from features.milestone_features",
        "delete from features.milestone_labels",
        """update core.fct_milestones set submitted_at = null, resolved_at = null,
            resolution = null, started_at = null, milestone_status = 'planned'""",
    )
    statuses = [each.status for each in judge(young, SUITES.values(), NOT_COMPARED)]
    assert "error" not in statuses
    assert "warning" in statuses


def test_an_empty_warehouse_is_accepted(healthy: Path, tmp_path: Path) -> None:
    tables = [suite.table for suite in SUITES.values() if suite.name != "warehouse_as_of"]
    empty = spoiled(
        healthy, tmp_path / "escrow.duckdb", *(f"delete from {table}" for table in tables)
    )
    outcomes = judge(empty, SUITES.values(), NOT_COMPARED)
    assert [each.message for each in outcomes if each.status == "error"] == []
    assert "no value to judge" in {each.observed_text for each in outcomes}


def judge_only(
    expectations: Sequence[Expectation], database: Path, earlier: Published
) -> list[Outcome]:
    """The outcomes of a part of one suite."""
    suite: Suite = SUITES[expectations[0].suite]
    return judge(database, [suite._replace(expectations=tuple(expectations))], earlier)
