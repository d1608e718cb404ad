"""Metrics: scikit-learn's values, intervals over projects or creators."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

from ml.modeling.metrics import (
    MONEY_METRICS,
    Metric,
    ScoredRows,
    difference_in_log_loss,
    measure,
    measure_difference,
)


def scored(count: int = 600, seed: int = 3) -> ScoredRows:
    rng = np.random.default_rng(seed)
    project = np.repeat(np.arange(count // 4), 4)
    quality = rng.normal(size=count // 4)[project]
    chance = np.round(1 / (1 + np.exp(-quality - rng.normal(0, 0.5, count))), 2)  # with ties
    return ScoredRows(
        entity_id=project,
        project_id=project,
        creator_id=project // 2,
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
    for metric in measure(rows):
        mask = masks[metric.split]
        if metric.snapshot_kind != "all":
            mask = mask & (rows.snapshot_kind == metric.snapshot_kind)
        label, chance, amount = rows.label[mask], rows.probability[mask], rows.amount[mask]
        truth = rows.true_probability[mask]
        known = ~np.isnan(truth)
        expected = {
            "auc": roc_auc_score(label, chance),
            "accuracy": accuracy_score(label, chance >= 0.5),
            "accuracy_over_majority_guess": accuracy_score(label, chance >= 0.5)
            - max(label.mean(), 1 - label.mean()),
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
        if metric.metric in expected:
            assert metric.value == pytest.approx(expected[metric.metric], rel=1e-9)
        assert metric.row_count == mask.sum()
        assert metric.base_rate == pytest.approx(label.mean())


def test_certain_and_wrong_predictions_cost_what_scikit_learn_charges() -> None:
    rows = scored()._replace(probability=np.where(scored().label, 0.0, 1.0))
    losses = [metric for metric in measure(rows) if metric.metric == "log_loss"]
    assert losses[0].value == pytest.approx(log_loss(rows.label, rows.probability), rel=1e-12)


def test_more_rows_of_the_same_projects_do_not_shorten_the_intervals() -> None:
    rows = scored()
    fivefold = each(rows, lambda column: np.tile(column, 5))
    once = measure(rows)
    often = measure(fivefold)
    for one, many in zip(once, often, strict=True):
        assert one.metric == many.metric
        assert many.row_count == 5 * one.row_count
        if "calibration_error" in one.metric:
            continue  # where a bin ends between equal probabilities depends on the number of rows
        figures = (one.value, one.ci_low, one.ci_high)
        times = 5 if one.metric in MONEY_METRICS else 1  # those are sums, the others means
        assert (many.value, many.ci_low, many.ci_high) == pytest.approx(
            tuple(None if figure is None else times * figure for figure in figures)
        )


def one_outcome_each(chance: Any, label: Any, creators: Any = None) -> ScoredRows:
    """Two snapshots of each project, all of one kind."""
    project = np.repeat(np.arange(len(label)), 2)
    creator = project if creators is None else np.repeat(creators, 2)
    no, yes = np.full(len(project), False), np.full(len(project), True)
    unknown = np.full(len(project), np.nan)
    return ScoredRows(
        *(project, project, creator, np.full(len(project), "d3"), yes, no),
        *(np.repeat(label, 2), np.repeat(chance, 2), unknown, unknown),
    )


def by_name(rows: ScoredRows) -> dict[str, Metric]:
    return {each.metric: each for each in measure(rows) if each.snapshot_kind == "all"}


def test_the_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """Sixty projects, predicted 0.2 too high; every figure has a truth that is known."""
    truth = {"accuracy": 0.5, "calibration_error_debiased": 0.2, "log_loss": 0.0}
    rng = np.random.default_rng(4)
    hits = dict.fromkeys(truth, 0)
    chance = np.where(np.arange(60) % 2, 0.4, 0.6)
    rate = chance - 0.2
    truth["accuracy"] = float(np.where(chance < 0.5, 1 - rate, rate).mean())
    truth["log_loss"] = float(-(rate * np.log(chance) + (1 - rate) * np.log(1 - chance)).mean())
    for _ in range(200):
        found = by_name(one_outcome_each(chance, rng.random(60) < rate))
        for name, right in truth.items():
            low, high = found[name].ci_low, found[name].ci_high
            assert low is not None
            assert high is not None
            assert low <= (found[name].value or 0) <= high
            hits[name] += low <= right <= high
    assert all(180 <= count <= 199 for count in hits.values()), hits


def test_creators_whose_projects_end_alike_widen_the_intervals() -> None:
    rng = np.random.default_rng(5)
    label = np.repeat(rng.random(50) < 0.5, 4)
    chance = rng.uniform(0.1, 0.4, 200)
    alone = by_name(one_outcome_each(chance, label))
    together = by_name(one_outcome_each(chance, label, np.repeat(np.arange(50), 4)))
    for name in ("brier_score", "log_loss", "accuracy_over_majority_guess"):
        widths = []
        for found in (alone[name], together[name]):
            assert found.ci_low is not None
            assert found.ci_high is not None
            widths.append(found.ci_high - found.ci_low)
        assert widths[1] > 1.2 * widths[0], name


def test_the_majority_guess_varies_with_the_rows() -> None:
    """Always guessing is never better than itself; the accuracy alone would have an interval."""
    label = np.arange(40) % 4 == 0
    never = by_name(one_outcome_each(np.full(40, 0.1), label))["accuracy_over_majority_guess"]
    assert (never.value, never.ci_low, never.ci_high) == (0.0, None, None)


def test_what_is_not_defined_is_none() -> None:
    rows = scored()._replace(label=np.full(600, True))
    auc, accuracy = measure(rows)[:2]
    assert (auc.metric, auc.value, auc.ci_low, auc.ci_high) == ("auc", None, None, None)
    assert accuracy.value is not None


def test_a_test_without_an_error_claims_no_certainty() -> None:
    rows = scored()._replace(probability=scored().label.astype(np.float64))
    auc, accuracy = measure(rows)[:2]
    assert (auc.value, auc.ci_low, auc.ci_high) == (1.0, None, None)
    assert (accuracy.value, accuracy.ci_high) == (1.0, 1.0)
    assert accuracy.ci_low == pytest.approx(75 / (75 + 1.96**2), abs=1e-3)  # of 75 creators


def test_a_difference_is_measured_on_the_same_rows() -> None:
    rows = scored()
    same = measure_difference(rows, rows.probability, suffix="above_itself")
    assert {(each.value, each.ci_low, each.ci_high) for each in same} == {(0.0, None, None)}
    noisy = np.clip(rows.probability + np.random.default_rng(2).normal(0, 0.4, 600), 0, 1)
    apart = measure_difference(rows, noisy, suffix="above_noise")
    auc = apart[0]
    assert auc.metric == "auc_above_noise"
    assert auc.ci_low is not None
    assert auc.value is not None
    assert 0 < auc.ci_low < auc.value  # surely better, though both intervals are wide
    alone = measure(rows)[0]
    assert alone.ci_low is not None
    assert alone.ci_high is not None
    assert alone.ci_high - alone.ci_low > 0.5 * (auc.value - auc.ci_low)
    single = each(scored(), lambda column: column[:4])
    assert measure(single)[1].ci_low is None


def test_nothing_to_measure_gives_no_metric() -> None:
    assert measure(each(scored(), lambda column: column[:0])) == []


def test_a_smaller_error_widens_the_interval_of_a_difference() -> None:
    rows = scored()
    noisy = np.clip(rows.probability + np.random.default_rng(2).normal(0, 0.4, 600), 0.01, 0.99)
    usual, strict = (difference_in_log_loss(rows, noisy, error) for error in (0.05, 0.05 / 12))
    assert strict.low < usual.low < usual.value == strict.value < usual.high < strict.high  # type: ignore[operator]
