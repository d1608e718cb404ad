"""Metrics: scikit-learn's values, intervals over projects."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

from ml.evaluation import METRICS, ScoredRows, measure


def scored(count: int = 600, seed: int = 3) -> ScoredRows:
    rng = np.random.default_rng(seed)
    project = np.repeat(np.arange(count // 4), 4)
    quality = rng.normal(size=count // 4)[project]
    chance = np.round(1 / (1 + np.exp(-quality - rng.normal(0, 0.5, count))), 2)  # with ties
    return ScoredRows(
        project_id=project,
        snapshot_kind=np.tile(np.array(["launch", "d3"]), count // 2),
        is_decided=rng.random(count) < 0.2,
        label=(rng.random(count // 4) < 1 / (1 + np.exp(-2 * quality[::4])))[project],
        probability=chance,
    )


def each(rows: ScoredRows, change: Callable[[Any], Any]) -> ScoredRows:
    return ScoredRows(**{name: change(column) for name, column in rows._asdict().items()})


def test_values_equal_those_of_scikit_learn_on_the_same_rows() -> None:
    rows = scored()
    masks = {"test": np.full(len(rows.label), True), "test_undecided": ~rows.is_decided}
    for metric in measure(rows, resamples=20, seed=1):
        mask = masks[metric.split]
        if metric.snapshot_kind != "all":
            mask = mask & (rows.snapshot_kind == metric.snapshot_kind)
        label, chance = rows.label[mask], rows.probability[mask]
        expected = {
            "auc": roc_auc_score(label, chance),
            "accuracy": accuracy_score(label, chance >= 0.5),
            "brier_score": brier_score_loss(label, chance),
            "log_loss": log_loss(label, chance),
        }[metric.metric]
        assert metric.value == pytest.approx(expected, rel=1e-12)
        assert metric.row_count == mask.sum()
        assert metric.base_rate == pytest.approx(label.mean())


def test_certain_and_wrong_predictions_cost_what_scikit_learn_charges() -> None:
    rows = scored()._replace(probability=np.where(scored().label, 0.0, 1.0))
    losses = [
        metric for metric in measure(rows, resamples=20, seed=1) if metric.metric == "log_loss"
    ]
    assert losses[0].value == pytest.approx(log_loss(rows.label, rows.probability), rel=1e-12)


def test_more_rows_of_the_same_projects_do_not_shorten_the_intervals() -> None:
    rows = scored()
    fivefold = each(rows, lambda column: np.tile(column, 5))
    once = measure(rows, resamples=50, seed=1)
    often = measure(fivefold, resamples=50, seed=1)
    for one, many in zip(once, often, strict=True):
        assert many.row_count == 5 * one.row_count
        assert (many.value, many.ci_low, many.ci_high) == pytest.approx(
            (one.value, one.ci_low, one.ci_high)
        )


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        project = np.repeat(np.arange(100), 3)
        label = (rng.random(100) < 0.3)[project]  # accuracy of "never" is .7, one draw per project
        rows = ScoredRows(
            project, np.full(300, "d3"), np.full(300, False), label, np.full(300, 0.1)
        )
        accuracy = measure(rows, resamples=200, seed=seed)[METRICS.index("accuracy")]
        assert accuracy.ci_low is not None
        assert accuracy.ci_high is not None
        hits += accuracy.ci_low <= 0.7 <= accuracy.ci_high
    assert 0.89 <= hits / 200 <= 0.99


def test_what_is_not_defined_is_none() -> None:
    rows = scored()._replace(label=np.full(600, True))
    auc, accuracy = measure(rows, resamples=20, seed=1)[:2]
    assert (auc.metric, auc.value, auc.ci_low, auc.ci_high) == ("auc", None, None, None)
    assert accuracy.value is not None
    single = each(scored(), lambda column: column[:4])
    assert measure(single, resamples=20, seed=1)[1].ci_low is None


def test_nothing_to_measure_gives_no_metric() -> None:
    assert measure(each(scored(), lambda column: column[:0]), resamples=20, seed=1) == []
