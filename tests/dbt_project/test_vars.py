"""The vars that rules and decisions follow from: what cannot be one is refused before building."""

import re
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

from tests import declared
from tests.forks import REPOSITORY

MACROS = (REPOSITORY / "dbt_project" / "macros" / "vars.sql").read_text()
NUMBERS = {name: value for name, value in declared.VARS.items() if name != "snapshot_kinds"}


def check(**values: Any) -> None:
    def refuse(problem: str) -> None:
        raise ValueError(problem)

    macros = jinja2.Environment().from_string(
        MACROS + "{{ check_vars() }}",
        globals={
            "var": {**NUMBERS, **values}.__getitem__,
            "execute": True,
            "exceptions": SimpleNamespace(raise_compiler_error=refuse),
        },
    )
    macros.render()


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"delay_cost_ratio": -0.05}, "delay_cost_ratio must be a number from 0 to 1, not -0.05"),
        ({"delay_cost_ratio": 2}, "delay_cost_ratio must be a number from 0 to 1, not 2"),
        ({"review_cost": float("inf")}, "review_cost must be a number of 0 or more, not inf"),
        ({"review_cost": -20}, "review_cost must be a number of 0 or more, not -20"),
        ({"late_per_lost": 0.5}, "late_per_lost must be a number of 1 or more, not 0.5"),
        (
            {"late_per_lost_voted_for": 0},
            "late_per_lost_voted_for must be a number of 1 or more, not 0",
        ),
        ({"review_cost": True}, "review_cost must be a number of 0 or more, not True"),
        ({"grace_days": 7.5}, "grace_days must be a whole number of 0 or more, not 7.5"),
        ({"grace_days": None}, "grace_days must be a whole number of 0 or more, not None"),
        ({"expiry_days": -1}, "expiry_days must be a whole number of 0 or more, not -1"),
    ],
)
def test_what_is_no_such_number_is_named(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^dbt_project.yml: vars.{problem}$"):
        check(**values)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_in_quotes_is_named(name: str) -> None:
    problem = rf"vars.{name} must be a (whole )?number .*, not the text '{NUMBERS[name]}'$"
    with pytest.raises(ValueError, match=problem):
        check(**{name: str(NUMBERS[name])})


def test_no_cost_and_a_large_one_are_taken() -> None:
    check(delay_cost_ratio=0, review_cost=0, late_per_lost=1)
    check(delay_cost_ratio=1, review_cost=1_000_000)


def test_a_project_with_a_wrong_var_can_be_parsed() -> None:
    """Only then `check_vars` can name it: a text or nothing is no operand."""
    calculated = re.compile(r"\{[{%][^}]*var\(['\"]\w+['\"]\)\s*[-+*/]")
    for path in (REPOSITORY / "dbt_project").rglob("*.sql"):
        assert not calculated.search(path.read_text()), f"{path}: write `| int` behind var()"
