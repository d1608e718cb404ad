"""Reasons: they add up to the prediction, whatever the estimator, and name what moved it."""

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit, logit

from ml.modeling import artifacts, estimators, explanations, rolling
from ml.modeling.registry import model_in_use
from ml.modeling.rolling import Training
from ml.modeling.rows import first_measured, holdout_rows, rolling_cuts, training_rows
from ml.settings import ModelSettings
from ml.warehouse import open_warehouse

MODELS = ("project_success", "milestone_risk")


def fitted_by(platform: Any, name: str, estimator: str) -> tuple[Any, Any]:
    model: ModelSettings = platform.setting(name)
    given: dict[str, dict[str, Any]] = {
        "random_forest": {"n_estimators": 10, "min_samples_leaf": 5},
        "gradient_boosting": {"max_iter": 10},
        "logistic_regression": {},
    }
    if name == "project_success":
        given["gradient_boosting"]["zero_apart"] = "pledge_count"
    given["log_odds_mean"] = dict.fromkeys([*given, "base_rate"], 1.0)
    model = dataclasses.replace(
        model,
        estimator=estimator,
        hyperparameters=given[estimator],
        challengers=tuple(given.items()) if estimator == "log_odds_mean" else (),
    )
    with open_warehouse(platform.db) as warehouse:
        cuts = rolling_cuts(warehouse, model)
        cutoff: Any = first_measured(cuts)
        return (
            Training(training_rows(warehouse, model, cutoff), cuts[:1]).fit(model),
            holdout_rows(warehouse, model, cutoff),
        )


def contributions(fitted: Any, rows: pa.Table) -> explanations.Contributions:
    return explanations.contributions(fitted, rows, rolling.score_by(fitted.fits[-1], rows))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "estimator", ["random_forest", "gradient_boosting", "logistic_regression", "log_odds_mean"]
)
def test_contributions_add_up_to_the_mean_and_with_the_calibration_to_the_prediction(
    fresh: Any, name: str, estimator: str
) -> None:
    fitted, rows = fitted_by(fresh, name, estimator)
    found = contributions(fitted, rows)
    last = fitted.fits[-1]
    before = found.expected + found.by_feature.sum(axis=1)
    assert expit(before + found.calibration) == pytest.approx(
        rolling.score_by(last, rows), abs=1e-9
    )
    assert found.by_feature.shape == (rows.num_rows, len(rolling.features_of(fitted).names))
    if estimator != "log_odds_mean":  # one of which knows the kind of snapshot, no feature
        raw = estimators.scores(last.pipelines[:1], rows)[:, 0]
        edges = 1e-3, 1 - 1e-3  # no estimator is believed more surely
        assert np.clip(expit(before), *edges) == pytest.approx(np.clip(raw, *edges), abs=1e-9)
    assert np.abs(found.by_feature).sum() > 1


@pytest.mark.parametrize("pledge_count", [0, 1])
def test_contributions_of_a_row_alone_are_those_that_it_has_in_a_batch(
    fresh: Any, pledge_count: int
) -> None:
    fitted, rows = fitted_by(fresh, "project_success", "gradient_boosting")
    place = rows.column("pledge_count").to_pylist().index(pledge_count)
    batch = contributions(fitted, rows)
    alone = contributions(fitted, rows.slice(place, 1))
    assert alone.expected == batch.expected
    assert np.array_equal(alone.by_feature[0], batch.by_feature[place])


def test_contributions_of_a_category_that_the_boosting_has_not_seen_add_up(fresh: Any) -> None:
    fitted, rows = fitted_by(fresh, "project_success", "gradient_boosting")
    place = rows.schema.get_field_index("category")
    unseen = rows.set_column(place, "category", pa.array(["unseen"] * rows.num_rows))
    found = contributions(fitted, unseen)
    before = found.expected + found.by_feature.sum(axis=1)
    raw = estimators.scores(fitted.fits[-1].pipelines, unseen)[:, 0]
    assert expit(before) == pytest.approx(raw, abs=1e-9)
    of_category = found.by_feature[:, rolling.features_of(fitted).names.index("category")]
    assert np.abs(of_category).sum() > 0


@pytest.mark.parametrize("name", MODELS)
def test_live_predictions_come_with_reasons_that_add_up(finished: Any, name: str) -> None:
    with open_warehouse(finished.db) as warehouse:
        run = model_in_use(finished.setting(name), warehouse)
        features = set(rolling.features_of(artifacts.load(finished.models, run)).names)
    rows = finished.sql(
        "select reasons.unit, any_value(predicted_probability), sum(contribution),"
        " list(feature order by rank), list(feature_value order by rank), list(rank order by rank)"
        " from ml.predictions as made inner join ml.prediction_reasons as reasons"
        f" using (prediction_id) where made.model_name = '{name}' group by prediction_id, unit"
    )
    live = finished.sql(
        f"select count(*) from ml.predictions where model_name = '{name}'"
        " and snapshot_kind = 'current'"
    )
    assert len(rows) == live[0][0] > 0
    for unit, probability, total, names, values, ranks in rows:
        wanted = probability if unit == "probability" else logit(probability)
        if names == ["(known outcome)"]:
            assert (unit, total, ranks) == ("probability", probability, [1])
            continue
        assert total == pytest.approx(wanted, abs=1e-9)
        assert (names[0], *names[6:]) == ("(expected)", "(other features)", "(calibration)")
        assert len(set(names[1:6]) & features) == 5
        assert None not in values[1:6]
        assert ranks == list(range(8))


def test_a_repeated_run_adds_no_reason(finished: Any) -> None:
    before = finished.sql("select count(*) from ml.prediction_reasons")
    assert finished.run("predict", run_id="run-2", hour=1).code == 0
    assert finished.sql("select count(*) from ml.prediction_reasons") == before
