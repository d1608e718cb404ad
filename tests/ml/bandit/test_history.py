"""What a project's reward is, and when it is known."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from ml.bandit.history import UNKNOWN, History, micros, monday, read_history, week_of
from ml.bandit.policy import draw
from ml.warehouse import open_warehouse
from tests.ml.bandit.conftest import Platform, days


def history(platform: Platform) -> History:
    with open_warehouse(platform.path) as warehouse:
        return read_history(warehouse, 5)


def milestones(*facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Three milestones of 20, 30 and 50, due on days 10, 20 and 30 of project 1."""
    return [
        {
            "project_id": 1, "milestone_number": number, "funding_amount": amount,
            "due_at": days(10 * number), **fact,
        }
        for number, amount, fact in zip((1, 2, 3), (20, 30, 50), facts, strict=True)
    ]  # fmt: skip


def approved(started: float, resolved: float) -> dict[str, Any]:
    return {"started_at": days(started), "resolved_at": days(resolved), "resolution": "approved"}


@pytest.mark.parametrize(
    ("facts", "on_time", "kept"),
    [
        ((approved(1, 9), approved(9, 19), approved(19, 29)), 1, 1),
        # the grace of 14 days belongs to being on time, its last timestamp included
        ((approved(1, 24), approved(24, 34), approved(34, 44)), 1, 1),
        ((approved(1, 24.001), approved(24.001, 30), approved(30, 40)), 2 / 3, 1),
        # a rejection ends it: one of two, with 20 of 100 paid out by then
        (
            (approved(1, 9), {**approved(9, 19), "resolution": "rejected"}, {}),
            *(1 / 2, 0.8),
        ),
        ((approved(1, 9), approved(9, 19), {"started_at": days(19)}), 2 / 3, 0.5),
        # what starts only after all should be over does not count
        ((approved(1, 9), approved(9, 44), approved(44, 50)), 1 / 2, 0.8),
    ],
)
def test_reward_of_a_project(
    write_history: Callable[..., Platform], facts: Any, on_time: float, kept: float
) -> None:
    found = history(write_history([{"project_id": 1}], milestones(*facts)))
    assert found.on_time_share == pytest.approx([on_time])
    assert found.money_kept_share == pytest.approx([kept])
    # known when the grace of the last planned milestone ends, whatever came of the project
    assert found.closes_at.tolist() == [micros(days(44))]


def test_a_project_without_a_started_milestone_has_no_reward(
    write_history: Callable[..., Platform],
) -> None:
    projects = [{"project_id": 1, "is_funded": False, "release_strategy": None}]
    found = history(write_history(projects, milestones({}, {}, {})))
    assert found.closes_at.tolist() == [UNKNOWN]
    assert found.arm.tolist() == [-1]


def test_draws_are_the_same_in_sql_and_python(platform: Platform) -> None:
    found = history(platform)
    assert found.draw.tolist() == [draw(5, int(project)) for project in found.project_id]
    assert 0 <= found.draw.min() < 0.01
    assert 0.99 < found.draw.max() < 1


def test_weeks_begin_on_monday_at_midnight() -> None:
    sunday, timestamp = datetime(2023, 1, 1, 23, 59, 59, 999_999), datetime(2023, 1, 2)
    assert week_of(micros(timestamp)) == week_of(micros(sunday)) + 1
    assert monday(week_of(micros(timestamp))) == micros(timestamp)
