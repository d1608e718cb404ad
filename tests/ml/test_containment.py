"""A bug in one unit takes nothing else with it, and nobody overlooks it."""

from typing import Any

import duckdb
import pytest

from ml import cli
from ml.bandit import bandit
from ml.experiments import experiment

FAILURES = "select stage, unit, is_failed, reason from ml.failures order by recorded_at, stage"


def break_for(monkeypatch: pytest.MonkeyPatch, name: str, unit: str, error: Exception) -> None:
    """Makes a stage of the command line raise for one model."""
    stage = getattr(cli, name)
    real = stage.run

    def broken(model: Any, *arguments: Any, **options: Any) -> Any:
        if model.name == unit:
            raise error
        return real(model, *arguments, **options)

    monkeypatch.setattr(stage, "run", broken)


def test_a_model_that_fails_leaves_the_other_and_the_bandit_alone(
    fresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_for(monkeypatch, "train", "project_success", ZeroDivisionError("division by zero"))
    outcome = fresh.run("train", "predict", "monitor", "bandit")
    assert outcome.code == 3
    assert "Traceback" in outcome.err
    assert outcome.err.endswith("ml: 1 units failed because of a bug: train of project_success\n")
    assert (
        "project_success: FAILED because of a bug (ZeroDivisionError: division by zero); its rows"
        " of this run are missing, the rest goes on -> ml.failures"
    ) in " ".join(outcome.out.split())
    assert outcome.out.count("project_success: not done, since train of it failed") == 2
    assert fresh.sql("select distinct model_name from ml.predictions") == [("milestone_risk",)]
    assert fresh.sql("select distinct model_name from ml.model_runs") == [("milestone_risk",)]
    assert fresh.sql("select count(*) from ml.bandit_runs") == [(1,)]
    assert fresh.sql(FAILURES) == [
        ("train", "project_success", True, "ZeroDivisionError: division by zero")
    ]
    monkeypatch.undo()
    assert fresh.run("train", "predict", "monitor", run_id="run-2", hour=1).code == 0
    assert fresh.sql(FAILURES)[1:] == [("train", "project_success", False, None)]
    assert fresh.run("train", "predict", "monitor", run_id="run-3", hour=2).code == 0
    assert len(fresh.sql(FAILURES)) == 2


@pytest.mark.parametrize("name", ["predict", "monitor"])
def test_a_later_stage_that_fails_leaves_its_rows_out_whole(
    finished: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = finished.sql("select count(*) from ml.predictions")
    break_for(monkeypatch, name, "milestone_risk", KeyError("median"))
    outcome = finished.run("predict", "monitor", run_id="run-2", hour=1)
    assert outcome.code == 3
    assert f"{name} of milestone_risk" in outcome.err
    assert finished.sql("select count(*) from ml.predictions") == before


@pytest.mark.parametrize("name", ["train", "predict"])
def test_what_a_failed_model_said_before_of_what_is_live_counts_no_more(
    finished: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It was computed from other data or by other code; half of it beside none would be refused."""
    sql = """
        select model_name, count(*) from intermediate.int_predictions_current
        where snapshot_kind = 'current' group by model_name order by all"""
    before, kept = finished.sql(sql), finished.sql("select count(*) from ml.predictions")
    assert [model for model, _ in before] == ["milestone_risk", "project_success"]
    break_for(monkeypatch, name, "project_success", ZeroDivisionError("division by zero"))
    assert finished.run("train", "predict", "monitor", run_id="run-2", hour=1).code == 3
    assert finished.sql(sql) == before[:1]
    assert finished.sql("select distinct model_name from staging.stg_drift_checks") == [
        ("milestone_risk",)
    ]
    monkeypatch.undo()
    assert finished.run("train", "predict", "monitor", run_id="run-3", hour=2).code == 0
    assert finished.sql(sql) == before
    assert finished.sql("select count(*) from ml.predictions") == kept


def test_an_alert_beside_a_bug_is_a_bug(finished: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    finished.sql(
        """update features.project_features set average_pledge_amount = 2 * average_pledge_amount
        where snapshot_kind = 'd3' and snapshot_at > timestamp '2023-10-03'"""
    )
    break_for(monkeypatch, "monitor", "milestone_risk", KeyError("median"))
    outcome = finished.run("monitor", "--fail-on-alert", run_id="run-2", hour=1)
    assert "drift detected" in outcome.out
    assert outcome.code == 3


def test_the_bandit_that_fails_is_one_unit(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise IndexError("arms")

    monkeypatch.setattr(bandit, "learn", broken)
    monkeypatch.setattr(bandit, "skip_reason", lambda *_: None)
    outcome = fresh.run("bandit")
    assert outcome.code == 3
    assert fresh.sql(FAILURES) == [("bandit", "bandit", True, "IndexError: arms")]


def test_what_a_warehouse_of_another_version_lacks_is_named_with_the_remedy(fresh: Any) -> None:
    fresh.sql("drop table ml.bandit_runs")
    outcome = fresh.run("bandit")
    assert outcome.code == 3
    assert (
        "bandit: FAILED because of a bug (CatalogException: Catalog Error: Table with name"
        " bandit_runs does not exist! If another version of this project built the warehouse: make"
        " run)"
    ) in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        duckdb.IOException("Could not write file: No space left on device"),
        duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block"),
    ],
)
def test_what_the_machine_refuses_concerns_all_units(
    fresh: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The pipeline says so in one line; the next unit would meet it too."""
    break_for(monkeypatch, "train", "project_success", error)
    with pytest.raises(type(error)):
        fresh.run("train", "bandit")
    assert fresh.sql("select count(*) from ml.bandit_runs") == [(0,)]


def test_a_bug_in_the_middle_of_writing_leaves_nothing_of_the_unit(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise FloatingPointError("underflow")

    finished.sql("delete from ml.drift_checks; delete from ml.drift_stats")
    monkeypatch.setattr("ml.monitoring.records.Records.add_alerts", broken)
    assert finished.run("monitor", run_id="run-2", hour=1).code == 3
    assert finished.sql("select count(*) from ml.drift_checks") == [(0,)]
    assert finished.sql("select count(*) from ml.drift_stats") == [(0,)]
    assert [row[:2] for row in finished.sql(FAILURES + ", unit")] == [
        ("monitor", "milestone_risk"),
        ("monitor", "project_success"),
    ]


def test_an_experiment_that_fails_leaves_the_others_alone(
    fresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when its name is that of another unit."""
    fresh.sql(
        """create table core.fct_experiment_exposures as
        select range as exposure_id, ['bandit', 'gate'][1 + range % 2] as experiment,
            ['control', 'treatment'][1 + (range // 2) % 2] as variant, range as backer_id,
            7 as project_id, timestamp '2023-11-06' + interval (range % 20) day as exposed_at,
            null::bigint as pledge_id
        from range(400);
        create table core.fct_pledges (pledge_id bigint, project_id bigint, backer_id bigint,
            amount decimal(18,2), pledged_at timestamp)"""
    )
    real = experiment.readout.read

    def broken(design: Any, looks: Any) -> Any:
        if design.name == "bandit":
            raise OverflowError("math range error")
        return real(design, looks)

    monkeypatch.setattr(experiment.readout, "read", broken)
    outcome = fresh.run("experiment", "bandit")
    assert outcome.code == 3
    assert "bandit: FAILED because of a bug (OverflowError: math range error)" in outcome.out
    assert "no project has a release strategy" in outcome.out
    assert "gate (exploratory): treatment against control" in outcome.out
    names = "select distinct experiment from ml.experiment_results"
    assert fresh.sql(names) == [("gate",)]
    assert fresh.sql(FAILURES) == [
        ("experiment", "bandit", True, "OverflowError: math range error")
    ]
