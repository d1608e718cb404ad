"""The costs that decisions follow from: what cannot be one is refused before anything is built."""

from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

from tests.forks import REPOSITORY

MACROS = (REPOSITORY / "dbt_project" / "macros" / "recommendation.sql").read_text()


def check(**costs: Any) -> None:
    def refuse(problem: str) -> None:
        raise ValueError(problem)

    macros = jinja2.Environment().from_string(
        MACROS + "{{ check_costs() }}",
        globals={
            "var": {
                **{"delay_cost_ratio": 0.05, "review_cost": 20.0},
                **{"late_per_lost": 8, "late_per_lost_voted_for": 32},
                **costs,
            }.__getitem__,
            "execute": True,
            "exceptions": SimpleNamespace(raise_compiler_error=refuse),
        },
    )
    macros.render()


@pytest.mark.parametrize(
    ("costs", "problem"),
    [
        ({"delay_cost_ratio": -0.05}, "delay_cost_ratio must be a number from 0 to 1, not -0.05"),
        ({"delay_cost_ratio": 2}, "delay_cost_ratio must be a number from 0 to 1, not 2"),
        (
            {"late_per_lost_voted_for": "32"},
            "late_per_lost_voted_for must be a number of 1 or more, not the text '32'",
        ),
        ({"review_cost": float("inf")}, "review_cost must be a number of 0 or more, not inf"),
        ({"review_cost": -20}, "review_cost must be a number of 0 or more, not -20"),
        ({"late_per_lost": 0.5}, "late_per_lost must be a number of 1 or more, not 0.5"),
        (
            {"late_per_lost_voted_for": 0},
            "late_per_lost_voted_for must be a number of 1 or more, not 0",
        ),
        ({"review_cost": True}, "review_cost must be a number of 0 or more, not True"),
    ],
)
def test_a_cost_that_is_none_is_named(costs: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^dbt_project.yml: vars.{problem}$"):
        check(**costs)


def test_no_cost_and_a_large_one_are_taken() -> None:
    check(delay_cost_ratio=0, review_cost=0, late_per_lost=1)
    check(delay_cost_ratio=1, review_cost=1_000_000)
