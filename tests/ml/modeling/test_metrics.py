"""Metrics: scikit-learn's values, intervals over projects."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

from ml.modeling.metrics import (
    MONEY_METRICS,
    OUTCOME_METRICS,
    ScoredRows,
    measure,
    measure_difference,
)


def scored(count: int = 600, seed: int = 3) -> ScoredRows:
    rng = np.random.default_rng(seed)
    project = np.repeat(np.arange(count // 4), 4)
    quality = rng.normal(size=count // 4)[project]
    chance = np.round(1 / (1 + np.exp(-quality - rng.normal(0, 0.5, count))), 2)  # with ties
    return ScoredRows(
        project_id=project,
        snapshot_kind=np.tile(np.array(["launch", "d3"]), count // 2),
        is_decided=rng.random(count) < 0.2,
        is_first_time=rng.random(count) < 0.5,
        label=(rng.random(count // 4) < 1 / (1 + np.exp(-2 * quality[::4])))[project],
        probability=chance,
        true_probability=np.where(rng.random(count) < 0.1, np.nan, rng.random(count)),
        amount=np.round(rng.lognormal(5, 1, count), 2),
    )


def each(rows: ScoredRows, change: Callable[[Any], Any]) -> ScoredRows:
    return ScoredRows(**{name: change(column) for name, column in rows._asdict().items()})


def calibration_error(chance: Any, outcome: Any) -> float:
    order = np.argsort(chance, kind="stable")
    rank = np.arange(len(order)) * 10 // len(order)
    bins = [order[rank == place] for place in range(10)]
    return float(sum(abs((chance[rows] - outcome[rows]).sum()) for rows in bins) / len(order))


def test_values_equal_those_of_scikit_learn_on_the_same_rows() -> None:
    rows = scored()
    masks = {
        "test": np.full(len(rows.label), True),
        "test_undecided": ~rows.is_decided,
        "test_first_time": ~rows.is_decided & rows.is_first_time,
    }
    for metric in measure(rows, resamples=20, seed=1):
        mask = masks[metric.split]
        if metric.snapshot_kind != "all":
            mask = mask & (rows.snapshot_kind == metric.snapshot_kind)
        label, chance, amount = rows.label[mask], rows.probability[mask], rows.amount[mask]
        truth = rows.true_probability[mask]
        known = ~np.isnan(truth)
        expected = {
            "auc": roc_auc_score(label, chance),
            "accuracy": accuracy_score(label, chance >= 0.5),
            "brier_score": brier_score_loss(label, chance),
            "brier_skill": 1
            - brier_score_loss(label, chance) / (label.mean() * (1 - label.mean())),
            "log_loss": log_loss(label, chance),
            "calibration_error": calibration_error(chance, label.astype(float)),
            "amount_released_to_failing": amount[(chance < 0.5) & label].sum(),
            "amount_held_from_delivering": amount[(chance >= 0.5) & ~label].sum(),
            "expected_accuracy": np.where(chance >= 0.5, truth, 1 - truth)[known].mean(),
            "true_calibration_error": calibration_error(chance[known], truth[known]),
        }
        if metric.metric != "calibration_error_bound":
            assert metric.value == pytest.approx(expected[metric.metric], rel=1e-9)
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
        if "calibration_error" in one.metric:
            continue  # where a bin ends between equal probabilities depends on the number of rows
        figures = (one.value, one.ci_low, one.ci_high)
        times = 5 if one.metric in MONEY_METRICS else 1  # those are sums, the others means
        assert (many.value, many.ci_low, many.ci_high) == pytest.approx(
            tuple(None if figure is None else times * figure for figure in figures)
        )


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        project = np.repeat(np.arange(100), 3)
        label = (rng.random(100) < 0.3)[project]  # accuracy of "never" is .7, one draw per project
        no, decided = np.full(300, False), np.full(300, True)
        unknown = np.full(300, np.nan)
        rows = ScoredRows(
            *(project, np.full(300, "d3"), decided, no, label, np.full(300, 0.1), unknown, unknown)
        )
        accuracy = measure(rows, resamples=200, seed=seed)[OUTCOME_METRICS.index("accuracy")]
        assert accuracy.ci_low is not None
        assert accuracy.ci_high is not None
        hits += accuracy.ci_low <= 0.7 <= accuracy.ci_high
    assert 0.89 <= hits / 200 <= 0.99


def test_what_is_not_defined_is_none() -> None:
    rows = scored()._replace(label=np.full(600, True))
    auc, accuracy = measure(rows, resamples=20, seed=1)[:2]
    assert (auc.metric, auc.value, auc.ci_low, auc.ci_high) == ("auc", None, None, None)
    assert accuracy.value is not None


def test_a_test_without_an_error_has_no_interval() -> None:
    rows = scored()._replace(probability=scored().label.astype(np.float64))
    auc, accuracy = measure(rows, resamples=20, seed=1)[:2]
    for metric in (auc, accuracy):
        assert (metric.value, metric.ci_low, metric.ci_high) == (1.0, None, None)


def test_a_perfect_model_stays_below_the_bound_about_as_often_as_it_says() -> None:
    below = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        project, chance = np.repeat(np.arange(300), 2), rng.random(600)
        label = (rng.random(300) < chance.reshape(-1, 2)[:, 0])[project]
        chance = np.repeat(chance.reshape(-1, 2)[:, 0], 2)
        no, decided = np.full(600, False), np.full(600, True)
        unknown = np.full(600, np.nan)
        rows = ScoredRows(
            *(project, np.full(600, "d3"), decided, no, label, chance, unknown, unknown)
        )
        found = {metric.metric: metric.value for metric in measure(rows, resamples=100, seed=seed)}
        below += found["calibration_error"] <= found["calibration_error_bound"]
    assert 88 <= below <= 99


def test_a_difference_is_measured_on_the_same_resamples() -> None:
    rows = scored()
    same = measure_difference(rows, rows.probability, suffix="above_itself", resamples=50, seed=1)
    assert {metric.value for metric in same} == {0.0}
    noisy = np.clip(rows.probability + np.random.default_rng(2).normal(0, 0.4, 600), 0, 1)
    apart = measure_difference(rows, noisy, suffix="above_noise", resamples=200, seed=1)
    auc = apart[0]
    assert auc.metric == "auc_above_noise"
    assert auc.ci_low is not None
    assert auc.value is not None
    assert 0 < auc.ci_low < auc.value  # surely better, though both intervals are wide
    alone = measure(rows, resamples=200, seed=1)[0]
    assert alone.ci_low is not None
    assert alone.ci_high is not None
    assert alone.ci_high - alone.ci_low > 0.5 * (auc.value - auc.ci_low)
    single = each(scored(), lambda column: column[:4])
    assert measure(single, resamples=20, seed=1)[1].ci_low is None


def test_nothing_to_measure_gives_no_metric() -> None:
    assert measure(each(scored(), lambda column: column[:0]), resamples=20, seed=1) == []
