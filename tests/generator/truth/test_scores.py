"""The oracle's scores, against counting by hand."""

import itertools
import math

import numpy as np
import pytest

from generator.truth.scores import expected_auc, oracle_score, power


def counted_auc(score: list[float], is_positive: list[bool]) -> float:
    pairs = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high, wins in zip(score, is_positive, strict=True)
        for low, loses in zip(score, is_positive, strict=True)
        if wins and not loses
    ]
    return sum(pairs) / len(pairs)


def test_auc_counts_pairs() -> None:
    score = [0.1, 0.4, 0.4, 0.8, 0.9, 0.2]
    is_positive = [False, True, False, True, False, False]
    found = oracle_score(np.array(score), np.array(is_positive))
    assert found.auc == pytest.approx(counted_auc(score, is_positive))
    assert found.base_rate == pytest.approx(1 / 3)
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.expected_accuracy == pytest.approx((0.9 + 0.6 + 0.6 + 0.8 + 0.9 + 0.8) / 6)


def test_expected_auc_is_the_ratio_of_expected_pairs() -> None:
    probability = np.array([0.1, 0.4, 0.4, 0.8, 0.95])
    ordered = pairs = 0.0
    for high, low in itertools.permutations(probability, 2):
        weight = high * (1 - low)
        pairs += weight
        ordered += weight * (1.0 if high > low else 0.5 if high == low else 0.0)
    assert expected_auc(probability) == pytest.approx(ordered / pairs)


def test_expected_is_what_is_observed_in_the_long_run() -> None:
    rng = np.random.default_rng(1)
    probability = rng.beta(0.5, 0.8, 100_000)
    found = oracle_score(probability, rng.random(100_000) < probability)
    assert abs(found.auc - found.expected_auc) < 3 * found.auc_error
    assert abs(found.accuracy - found.expected_accuracy) < 3 * found.accuracy_error
    assert found.auc_error < 0.002


def test_one_class_has_no_auc() -> None:
    found = oracle_score(np.array([0.2, 0.3]), np.array([False, False]))
    assert math.isnan(found.auc)
    assert found.accuracy == 1.0
    assert math.isnan(oracle_score(np.ones(3), np.ones(3, dtype=bool)).expected_auc)


def test_power_is_the_level_without_effect_and_rises_with_it() -> None:
    assert power(0.0, 0.1) == pytest.approx(0.05, abs=1e-6)
    assert power(math.expm1(2.8016 * 0.05), 0.05) == pytest.approx(0.8, abs=1e-3)
    assert power(0.15, 0.01) == pytest.approx(1.0, abs=1e-6)
    assert math.isnan(power(0.15, float("nan")))
    assert math.isnan(power(0.15, 0.0))
