"""Assessment: what is measured of a model and its features, each once."""

import dataclasses
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ml.context import RunContext
from ml.modeling import assessment, baselines, estimators
from ml.modeling.assessment import Assessment, HeldOutRows
from ml.modeling.rolling import Training
from ml.settings import Features, ModelSettings
from ml.warehouse import open_warehouse
from tests.ml.conftest import Platform
from tests.ml.made_world import AS_OF, STARTS_AT, micros, stamps

KEYS = {
    "model_metrics": "model_name, model_version, split, snapshot_kind, metric",
    "calibration_curves": "model_name, model_version, split, snapshot_kind, bin",
    "feature_importance": "model_name, model_version, feature",
}
KINDS = np.array(["launch", "d3"])


def made_up_rows(count: int, seed: int) -> pa.Table:
    """Two snapshots of each project, whose outcome hangs on `telling` and nothing else.

    `kind_bound` differs between the snapshot kinds but says nothing within one.
    """
    rng = np.random.default_rng(seed)
    telling = rng.normal(size=count)
    label = rng.random(count) < 1 / (1 + np.exp(-2 * telling))
    rows, kind = 2 * count, np.tile([0, 1], count)
    launched = micros(STARTS_AT) + np.arange(count) * 3_600_000_000
    return pa.table({
        "entity_id": np.repeat(np.arange(count), 2), "project_id": np.repeat(np.arange(count), 2),
        "creator_id": np.repeat(np.arange(count), 2),
        "launched_at": stamps(np.repeat(launched, 2)),
        "closed_at": stamps(np.repeat(launched + 86_400_000_000, 2)),
        "label": np.repeat(label, 2), "snapshot_kind": pa.array(KINDS[kind]),
        "is_decided": np.full(rows, False), "is_first_time": rng.random(rows) < 0.5,
        "telling": np.repeat(telling, 2), "kind_bound": 10.0 * kind,
        "idle": rng.normal(size=rows), "word": pa.array(rng.choice(["a", "b"], rows)),
        "amount": pa.nulls(rows, pa.float64()), "true_probability": pa.nulls(rows, pa.float64()),
        "ceiling_probability": pa.nulls(rows, pa.float64()),
    })  # fmt: skip


def settings_for(platform: Platform, estimator: str) -> ModelSettings:
    features = Features(("telling", "kind_bound", "idle"), ("word",))
    [model] = [
        each
        for each in platform.setting("project_success").candidates()
        if each.estimator == estimator
    ]
    given = {key: value for key, value in model.hyperparameters.items() if key != "zero_apart"}
    return dataclasses.replace(model, features=features, hyperparameters=given)


@pytest.mark.parametrize("estimator", ["random_forest", "gradient_boosting"])
def test_the_one_informative_feature_is_found(world: Platform, estimator: str) -> None:
    model = settings_for(world, estimator)
    fitted = Training(made_up_rows(1500, 1)).fit(model)
    found = assessment.assess_model(model, fitted, "v", HeldOutRows(made_up_rows(400, 2), model))
    importance = {row.feature: row for row in found.importance}
    assert importance.keys() == set(model.features.names)
    telling = importance.pop("telling")
    assert telling.log_loss_increase > 0.1
    assert telling.row_count == 800
    for row in importance.values():
        assert abs(row.log_loss_increase) < 0.1 * telling.log_loss_increase
        assert row.increase_deviation < 0.1 * telling.log_loss_increase
    # within a snapshot kind it is the same for all rows, so there is nothing to shuffle
    assert importance["kind_bound"].log_loss_increase == 0


def test_candidates_have_the_shuffled_rows_scored_once_by_each_estimator(
    world: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, test = Training(made_up_rows(600, 1)), made_up_rows(100, 2)
    model = settings_for(world, "random_forest")
    other = dataclasses.replace(model, hyperparameters={"n_estimators": 3})
    fitted = {name: training.fit(each) for name, each in (("a", model), ("b", other))}
    fitted["a again"] = training.fit(model)
    alone = {
        name: assessment.assess_model(model, each, "v", HeldOutRows(test, model))
        for name, each in fitted.items()
    }
    scored: list[int] = []
    scores = estimators.scores

    def noted(pipelines: Any, rows: Any) -> Any:
        scored.extend([rows.num_rows] * len(pipelines))
        return scores(pipelines, rows)

    monkeypatch.setattr(estimators, "scores", noted)
    tested = HeldOutRows(test, model)
    for name in fitted:
        found = assessment.assess_model(model, fitted[name], "v", tested)
        assert found == alone[name]
    copies = 1 + 3 * len(model.features.names)
    assert scored.count(200 * copies) == 2


def test_a_candidate_that_reads_fewer_features_has_the_importance_of_these(world: Platform) -> None:
    model, test = settings_for(world, "random_forest"), made_up_rows(100, 2)
    narrow = dataclasses.replace(model, features=Features(("telling",), ()))
    tested = HeldOutRows(test, model)
    for each in (model, narrow):
        fitted = Training(made_up_rows(600, 1)).fit(each)
        found = assessment.assess_model(each, fitted, "v", tested)
        assert {row.feature for row in found.importance} == set(each.features.names)


def test_decided_rows_say_nothing_of_features(world: Platform) -> None:
    model = settings_for(world, "random_forest")
    fitted, test = Training(made_up_rows(600, 1)).fit(model), made_up_rows(100, 2)
    place = test.schema.get_field_index("is_decided")
    half = np.arange(200) < 100
    some = assessment.assess_model(
        model,
        fitted,
        "v",
        HeldOutRows(test.set_column(place, "is_decided", pa.array(half)), model),
    )
    assert {row.row_count for row in some.importance} == {100}
    all_ = assessment.assess_model(
        model,
        fitted,
        "v",
        HeldOutRows(test.set_column(place, "is_decided", pa.array(half | True)), model),
    )
    assert all_.importance == []
    assert {metric.split for metric in all_.metrics} == {"test"}


def test_without_test_rows_there_is_nothing_to_say(world: Platform) -> None:
    model = settings_for(world, "random_forest")
    training = made_up_rows(200, 1)
    fitted = Training(training).fit(model)
    found = assessment.assess_model(model, fitted, "v", HeldOutRows(training.slice(0, 0), model))
    assert found == Assessment("random_forest", "v", [], [], [])
    nothing = training.slice(0, 0)
    others = baselines.predictors(model, Training(training), training, nothing)
    assert assessment.assess_others(model, "v", training.slice(0, 0), others) == []


def test_what_is_said_stands_there_once(finished: Any) -> None:
    for table, key in KEYS.items():
        [(rows, keys)] = finished.sql(
            f"select count(*), (select count(*) from (select distinct {key} from ml.{table}))"
            f" from ml.{table}"
        )
        assert rows == keys > 0


def test_every_candidate_has_a_curve_and_importances(finished: Any) -> None:
    trained = finished.sql("select model_version, model_name from ml.model_runs order by all")
    assert len(trained) == 4
    for table in ("calibration_curves", "feature_importance"):
        assert (
            finished.sql(f"select distinct model_version, model_name from ml.{table} order by all")
            == trained
        )
    for _, name in trained:
        features = finished.sql(
            f"select distinct feature from ml.feature_importance where model_name = '{name}'"
        )
        assert {row[0] for row in features} == set(finished.setting(name).features.names)


def test_a_curve_holds_all_rows_and_agrees_with_what_was_measured(finished: Any) -> None:
    """The calibration error is the mean distance between predicted and observed frequency."""
    rows = finished.sql(
        """select any_value(metrics.row_count), sum(curve.row_count), any_value(metrics.value),
            sum(abs(mean_probability - observed_rate) * curve.row_count) / sum(curve.row_count),
            any_value(base_rate), sum(observed_rate * curve.row_count) / sum(curve.row_count)
        from ml.calibration_curves as curve
        inner join ml.model_metrics as metrics
            using (model_name, model_version, split, snapshot_kind)
        where metric = 'calibration_error'
        group by model_name, model_version, split, snapshot_kind"""
    )
    assert len(rows) > 40
    for count, in_bins, error, distance, base_rate, came in rows:
        assert in_bins == count
        assert distance == pytest.approx(error)
        assert came == pytest.approx(base_rate)


def test_what_was_said_before_is_not_said_again(finished: Any) -> None:
    model = settings_for(finished, "random_forest")
    fitted = Training(made_up_rows(300, 1)).fit(model)
    found = assessment.assess_model(model, fitted, "v", HeldOutRows(made_up_rows(100, 2), model))
    finished.sql("update ml.model_runs set model_version = 'v' where is_champion")
    counts = []
    with open_warehouse(finished.db) as warehouse:
        for run_id in ("run-2", "run-3"):
            context = RunContext(run_id, datetime(2031, 1, 1))
            assessment.add_to(warehouse, [found], model.name, AS_OF, context)
            counts.append(
                [
                    warehouse.fetch(f"select count(*) from ml.{table} where run_id = '{run_id}'")
                    for table in KEYS
                ]
            )
    added = [len(found.metrics), len(found.curve), len(found.importance)]
    assert counts == [[[(count,)] for count in added], [[(0,)]] * 3]
