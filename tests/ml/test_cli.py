"""The command line: stages in their order, errors in one line."""

from typing import Any

import pytest

from ml import settings
from tests.ml.made_world import build_world


def test_stages_run_in_their_order_whatever_the_call_says(finished: Any) -> None:
    outcome = finished.run("monitor", "predict", "train", run_id="run-2", hour=1)
    assert outcome.code == 0
    stages = [line.split()[0] for line in outcome.out.splitlines() if not line.startswith(" ")]
    assert stages == [stage for stage in ("train", "predict", "monitor") for _ in range(2)]
    assert " s)" in outcome.out


def test_a_missing_warehouse_is_one_clear_line(fresh: Any) -> None:
    fresh.db.unlink()
    outcome = fresh.run("train")
    assert outcome.code == 2
    assert outcome.err == (f"ml: there is no warehouse at {fresh.db}: make run\n")


def test_a_file_that_is_no_warehouse_is_one_clear_line(fresh: Any) -> None:
    fresh.db.write_bytes(b"no database" * 1000)
    outcome = fresh.run("train")
    assert outcome.code == 2
    assert outcome.err.startswith(f"ml: cannot open {fresh.db}: ")
    assert len(outcome.err.splitlines()) == 1


def test_bandit_without_strategies_says_so_and_goes_on(fresh: Any) -> None:
    fresh.sql("update core.dim_projects set release_strategy = null")
    outcome = fresh.run("bandit")
    assert outcome.code == 0
    assert "no project has a release strategy; nothing is decided, the run goes on" in outcome.out


@pytest.mark.parametrize(
    "table",
    ["core.warehouse_as_of", "core.dim_projects", "core.fct_milestones",
     "features.project_labels", "features.milestone_features"],
)  # fmt: skip
def test_a_missing_table_is_named(fresh: Any, table: str) -> None:
    fresh.sql(f"drop table {table}")
    if "milestone" in table:
        fresh.keep_only("milestone_risk")
    outcome = fresh.run("train")
    assert outcome.code == 2
    assert outcome.err == f"ml: the warehouse has no table {table}: build the features first\n"


def test_an_empty_as_of_is_named(fresh: Any) -> None:
    fresh.sql("delete from core.warehouse_as_of")
    outcome = fresh.run("train")
    assert outcome.code == 2
    assert "core.warehouse_as_of is empty" in outcome.err


def test_a_wrong_setting_ends_with_2_and_nothing_written(fresh: Any) -> None:
    fresh.edit("cuts = [0.4, 0.7]", "cuts = [0.4, 7]")
    outcome = fresh.run("train")
    assert outcome.code == 2
    assert "models.project_success.split.cuts: each must be" in outcome.err
    assert not fresh.models.exists()


def test_an_unknown_stage_ends_with_2(fresh: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        fresh.run("tune")
    assert caught.value.code == 2


@pytest.mark.journey
def test_the_settings_of_the_repository_run_to_the_end(fresh: Any) -> None:
    fresh.db.unlink()
    build_world(fresh.db, project_count=150, seed=7)
    fresh.config.write_text(settings.DEFAULT_PATH.read_text())
    assert fresh.run("train", "predict", "monitor").code == 0
    assert fresh.sql("select count(*) from ml.model_runs where status = 'trained'") == [(8,)]
