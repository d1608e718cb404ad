"""History of before there were champions: it opens, it counts, nothing of it is lost."""

from typing import Any

import pytest

from ml.warehouse import open_warehouse

NEW_COLUMNS = {
    "model_runs": (
        *("is_champion", "decision", "compared_with", "compared_project_count"),
        *("log_loss_difference", "difference_low", "difference_high"),
    ),
    "model_metrics": ("predictor",),
}
NEW_TABLES = ("calibration_curves", "feature_importance", "prediction_reasons")
DEFAULTS = "estimator = 'RandomForestClassifier'", "estimator = 'HistGradientBoostingClassifier'"


@pytest.fixture
def old(finished: Any) -> Any:
    """The platform as a run of the older code would have left it: one version per model."""
    for name, default in zip(("project_success", "milestone_risk"), DEFAULTS, strict=True):
        other = f"select model_version from ml.model_runs where model_name = '{name}'"
        [(kept,)] = finished.sql(f"{other} and {default}")
        for table in ("model_runs", "model_metrics", "predictions", "drift_stats"):
            finished.sql(
                f"delete from ml.{table} where model_name = '{name}' and model_version <> '{kept}'"
            )
    for table, columns in NEW_COLUMNS.items():
        for column in columns:
            finished.sql(f"alter table ml.{table} drop column {column}")
    for table in NEW_TABLES:
        finished.sql(f"drop table ml.{table}")
    return finished


def test_the_one_version_that_there_was_is_in_use(old: Any) -> None:
    versions = dict(old.sql("select model_name, model_version from ml.model_runs"))
    before = old.sql("select * from ml.model_metrics order by all")
    assert old.run("predict", "monitor", run_id="run-2", hour=1).code == 0
    with open_warehouse(old.db) as warehouse:
        for name, version in versions.items():
            run = warehouse.run_in_use(name)
            assert run is not None
            assert (run.model_version, run.is_champion, run.decision) == (version, True, None)
    columns = "* exclude (predictor)"
    assert old.sql(f"select {columns} from ml.model_metrics order by all") == before
    assert {
        name for (name,) in old.sql("select distinct model_version from ml.predictions")
    } == set(versions.values())


def test_the_next_training_takes_it_for_the_champion(old: Any) -> None:
    old.keep_only("project_success")
    [(version,)] = old.sql(
        "select model_version from ml.model_runs where model_name = 'project_success'"
    )
    outcome = old.run("train", run_id="run-2", hour=1)
    assert outcome.code == 0
    rows = old.sql(
        "select model_version, decision, compared_with from ml.model_runs where run_id = 'run-2'"
    )
    decisions = {row[0]: row[1:] for row in rows}
    assert decisions.pop(version) == ("stays champion", None)
    assert [compared for _, compared in decisions.values()] == [version]
    assert old.run("train", run_id="run-3", hour=2).out.count("up to date") == 2


def test_opening_again_changes_nothing(old: Any) -> None:
    for _ in range(2):
        with open_warehouse(old.db) as warehouse:
            rows = warehouse.fetch("select * from ml.model_runs order by all")
            columns = warehouse.fetch("describe ml.model_runs")
    assert len(rows) == 2
    assert len(columns) == len({column[0] for column in columns}) == 26
