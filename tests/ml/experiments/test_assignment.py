"""The arm of a backer: the same everywhere, independent between experiments, stable."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest

from ml.experiments import designs
from ml.experiments.assignment import assign, assignment_sql
from ml.experiments.designs import Design, DesignError, Experiment

MILLION = 1_000_000


def with_arms(**arms: int) -> Design:
    return replace(designs.load().registered["highlight_projects"], arms=arms)


def arms_by_sql(design: Design, count: int) -> list[str]:
    rows = duckdb.sql(
        f"select {assignment_sql(design)} from (select range as backer_id from range({count}))"
    ).fetchall()
    return [row[0] for row in rows]


def test_python_and_sql_agree_on_a_million_backers() -> None:
    design = with_arms(control=2, highlighted=1, badge=4)
    assert [assign(design, backer) for backer in range(MILLION)] == arms_by_sql(design, MILLION)


def test_arms_have_their_shares() -> None:
    found = np.array(arms_by_sql(with_arms(control=2, highlighted=1, badge=4), 200_000))
    for arm, share in (("control", 2 / 7), ("highlighted", 1 / 7), ("badge", 4 / 7)):
        error = np.sqrt(share * (1 - share) / len(found))
        assert (found == arm).mean() == pytest.approx(share, abs=4 * error)


def test_an_appended_arm_moves_backers_only_to_itself() -> None:
    before = np.array(arms_by_sql(with_arms(control=1, treatment=1), 100_000))
    after = np.array(arms_by_sql(with_arms(control=1, treatment=1, third=2), 100_000))
    moved = before != after
    assert set(after[moved]) == {"third"}
    assert moved.mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("change", [{"name": "another"}, {"salt": "another"}])
def test_experiments_are_independent(change: dict[str, str]) -> None:
    one = with_arms(control=1, treatment=1)
    assert one.plan is not None
    other = (
        replace(one, plan=replace(one.plan, **change))
        if "salt" in change
        else replace(one, **change)
    )
    pairs = [np.array(arms_by_sql(each, 200_000)) == "treatment" for each in (one, other)]
    assert abs(np.corrcoef(*pairs)[0, 1]) < 4 / np.sqrt(200_000)


def test_a_salt_may_hold_a_quote() -> None:
    design = with_arms(control=1, treatment=1)
    assert design.plan is not None
    design = replace(design, plan=replace(design.plan, salt="it's"))
    assert [assign(design, backer) for backer in range(100)] == arms_by_sql(design, 100)


def test_an_experiment_without_design_assigns_nobody(tmp_path: Path) -> None:
    first, last = datetime(2023, 1, 1), datetime(2023, 1, 10)
    seen = Experiment("loose", ["b", "control"], first, last, first)
    loose = designs.load().of(seen, last)
    with pytest.raises(DesignError, match="loose is not registered"):
        assign(loose, 1)
