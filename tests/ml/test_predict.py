"""Predictions: of everything live and of what came after the cut, once."""

import hashlib
from typing import Any

import numpy as np
import pytest

from ml import artifacts, estimators
from ml.warehouse import open_warehouse


def test_live_and_later_snapshots_are_predicted_once_each(finished: Any) -> None:
    for entity, name in (("project", "project_success"), ("milestone", "milestone_risk")):
        expected = finished.sql(
            f"""select {entity}_id, snapshot_kind, snapshot_at, is_decided
            from features.{entity}_features
            where snapshot_kind = 'current' or project_id in (
                select project_id from core.dim_projects where launched_at > (
                    select cutoff_at from ml.model_runs
                    where model_name = '{name}' and is_champion))
            order by all"""
        )
        found = finished.sql(
            f"""select entity_id, snapshot_kind, snapshot_at, is_decided from ml.predictions
            where model_name = '{name}' order by all"""
        )
        assert found == expected
        assert any(kind == "current" for _, kind, _, _ in found)


def test_the_id_follows_from_model_version_entity_and_snapshot(finished: Any) -> None:
    rows = finished.sql(
        """select prediction_id, model_version, entity_id, snapshot_kind, epoch_us(snapshot_at)
        from ml.predictions"""
    )
    for prediction_id, *parts in rows[:50]:
        text = "/".join(str(part) for part in parts)
        assert prediction_id == hashlib.md5(text.encode()).hexdigest()
    assert len({row[0] for row in rows}) == len(rows)


def test_label_origin_and_clock_of_a_prediction(finished: Any) -> None:
    assert finished.sql(
        """select distinct origin, predicted_at::varchar,
            predicted_label = (predicted_probability >= 0.5),
            predicted_probability between 0 and 1 from ml.predictions"""
    ) == [("batch", "2030-01-01 00:00:00", True, True)]


@pytest.mark.parametrize("name", ["project_success", "milestone_risk"])
def test_a_row_alone_gets_the_very_number_of_the_batch(finished: Any, name: str) -> None:
    model = finished.setting(name)
    with open_warehouse(finished.db) as warehouse:
        run: Any = warehouse.run_in_use(name)
        pipeline = artifacts.load(finished.models, run)
        rows = warehouse.rows_to_predict(model, model.features, "none yet", run.cutoff_at)
        table = rows.read_all()
    batch = estimators.score(pipeline, table)
    alone = [estimators.score(pipeline, table.slice(row, 1))[0] for row in range(40)]
    assert np.array_equal(batch[:40], alone)
    stored = finished.sql(
        f"""select predicted_probability from ml.predictions where model_name = '{name}'
        order by entity_id, snapshot_at, snapshot_kind"""
    )
    assert np.array_equal(batch, [row[0] for row in stored])


def test_an_unseen_category_counts_as_a_rare_one(finished: Any) -> None:
    finished.sql("update core.warehouse_as_of set as_of = as_of + interval 1 day")
    finished.sql(
        """update features.project_features set country = 'XX',
            snapshot_at = snapshot_at + interval 1 day where snapshot_kind = 'current'"""
    )
    assert finished.run("predict", run_id="run-2", hour=1).code == 0
    live = finished.sql(
        "select count(*), count(distinct predicted_probability) from ml.predictions"
        " where model_name = 'project_success' and predicted_at > '2030-01-01'"
    )
    assert live[0][0] > 5
    assert live[0][1] > 5


def test_a_column_that_is_unknown_everywhere_gets_the_median_of_training(finished: Any) -> None:
    def score(change: str) -> Any:
        finished.sql(f"update features.project_features set {change}")
        model = finished.setting("project_success")
        with open_warehouse(finished.db) as warehouse:
            run: Any = warehouse.run_in_use(model.name)
            pipeline = artifacts.load(finished.models, run)
            rows = warehouse.test_rows(model, run.cutoff_at)
            median = np.median(
                warehouse.training_rows(model, run.cutoff_at).column("duration_days")
            )
        return estimators.score(pipeline, rows), median

    _, median = score("duration_days = duration_days")
    unknown, _ = score("duration_days = null")
    filled, _ = score(f"duration_days = {median}")
    assert np.array_equal(unknown, filled)


def test_a_text_that_is_unknown_everywhere_counts_as_the_unknown_of_training(finished: Any) -> None:
    model = finished.setting("project_success")
    with open_warehouse(finished.db) as warehouse:
        run: Any = warehouse.run_in_use(model.name)
        fitted = artifacts.load(finished.models, run)
        before = warehouse.test_rows(model, run.cutoff_at)
        warehouse.fetch("update features.project_features set country = null")
        after = warehouse.test_rows(model, run.cutoff_at)
    was_unknown = before.column("country").is_null().to_numpy()
    assert 0 < was_unknown.sum() < len(was_unknown)
    assert after.column("country").null_count == after.num_rows
    said, now = estimators.score(fitted, before), estimators.score(fitted, after)
    assert np.array_equal(said[was_unknown], now[was_unknown])
    assert np.all((now > 0) & (now < 1))


def test_a_clock_that_training_never_saw_is_predicted_all_the_same(finished: Any) -> None:
    finished.sql(
        "update features.project_features set snapshot_kind = 'h99' where snapshot_kind = 'd3'"
    )
    assert finished.run("predict", run_id="run-2", hour=1).code == 0
    [(count, low, high)] = finished.sql(
        """select count(*), min(predicted_probability), max(predicted_probability)
        from ml.predictions where snapshot_kind = 'h99'"""
    )
    assert count > 100
    assert 0 < low < high < 1


def test_a_missing_column_is_named(finished: Any) -> None:
    finished.sql("alter table features.project_features drop column pace_ratio")
    for stage in ("train", "predict"):
        outcome = finished.run(stage, run_id="run-2", hour=1)
        assert outcome.code == 2
        assert outcome.err == (
            "ml: features.project_features has no column 'pace_ratio', which project_success"
            " reads: build the features again or correct models.toml\n"
        )


@pytest.mark.parametrize(
    ("column", "kind", "words"),
    [("funding_ratio", "varchar", "a number"), ("country", "bigint", "text")],
)
def test_a_column_of_another_kind_is_named(
    finished: Any, column: str, kind: str, words: str
) -> None:
    finished.sql(f"alter table features.project_features drop column {column}")
    finished.sql(f"alter table features.project_features add column {column} {kind}")
    outcome = finished.run("predict", run_id="run-2", hour=1)
    assert outcome.code == 2
    assert outcome.err.startswith(
        f"ml: features.project_features.{column} is of type {kind.upper()};"
        f" project_success needs {words} there"
    )


def test_without_any_training_the_way_out_is_named(fresh: Any) -> None:
    outcome = fresh.run("predict")
    assert outcome.code == 2
    assert outcome.err == ("ml: project_success has never been trained here: run `train` first\n")
