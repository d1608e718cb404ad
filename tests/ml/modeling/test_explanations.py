"""Reasons: they add up to the prediction, whatever the estimator, and name what moved it."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from ml.modeling import artifacts, estimators, explanations
from ml.modeling.predict import model_in_use
from ml.modeling.rows import holdout_rows, training_cutoff, training_rows
from ml.settings import ModelSettings
from ml.warehouse import open_warehouse

MODELS = ("project_success", "milestone_risk")


def fitted_by(platform: Any, name: str, estimator: str) -> tuple[Any, Any]:
    model: ModelSettings = platform.setting(name)
    small = {"random_forest": {"n_estimators": 10, "min_samples_leaf": 5}}
    model = dataclasses.replace(
        model, estimator=estimator, hyperparameters=small.get(estimator, {})
    )
    with open_warehouse(platform.db) as warehouse:
        cutoff: Any = training_cutoff(warehouse, model)
        return (
            estimators.fit(model, training_rows(warehouse, model, cutoff)),
            holdout_rows(warehouse, model, cutoff),
        )


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("estimator", ["random_forest", "gradient_boosting", "logistic_regression"])
def test_contributions_add_up_to_the_score_and_with_the_calibration_to_the_prediction(
    fresh: Any, name: str, estimator: str
) -> None:
    fitted, rows = fitted_by(fresh, name, estimator)
    found = explanations.contributions(fitted, rows)
    raw, final = estimators.score_raw(fitted.pipeline, rows), estimators.score(fitted, rows)
    before = found.expected + found.by_feature.sum(axis=1)
    after = before + found.calibration
    if found.unit == "log_odds":
        before, after = expit(before), expit(after)
    assert before == pytest.approx(raw, abs=1e-9)
    assert after == pytest.approx(final, abs=1e-9)
    assert found.by_feature.shape == (rows.num_rows, len(estimators.features_of(fitted).names))
    assert np.abs(found.by_feature).sum() > 1


@pytest.mark.parametrize("name", MODELS)
def test_live_predictions_come_with_reasons_that_add_up(finished: Any, name: str) -> None:
    with open_warehouse(finished.db) as warehouse:
        run = model_in_use(finished.setting(name), warehouse)
        features = set(estimators.features_of(artifacts.load(finished.models, run)).names)
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
