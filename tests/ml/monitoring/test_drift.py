"""Drift statistics against independent computations."""

import math

import numpy as np
import pytest
from scipy import stats

from ml import drift


def test_the_same_sample_has_not_moved() -> None:
    sample = np.random.default_rng(1).lognormal(size=500)
    assert drift.relative_mean_shift(sample, sample) == 0
    assert drift.population_stability_index(*drift.bin_numbers(sample, sample)) == 0
    assert drift.kolmogorov_smirnov(sample, sample) == (0, 1)


def test_a_doubled_sample_has_moved() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.lognormal(size=800), 2 * rng.lognormal(size=500)
    shift = drift.relative_mean_shift(before, after)
    assert shift == pytest.approx(after.mean() / before.mean() - 1)
    assert drift.population_stability_index(*drift.bin_numbers(before, after)) > 0.2
    assert drift.kolmogorov_smirnov(before, after).p_value < 1e-9


def test_stability_index_by_hand() -> None:
    before, after = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]), np.array([1.0, 1, 1, np.nan])
    counts = drift.bin_numbers(before, after)
    # The nine inner deciles of 1..10 part the sample into ten bins of one; the last is unknown.
    assert counts[0].tolist() == [1.0] * 10 + [0.0]
    assert counts[1].tolist() == [3.0] + [0.0] * 9 + [1.0]
    expected = 0.0
    for one, other in zip(*counts, strict=True):
        p, q = (one + 0.5) / 15.5, (other + 0.5) / 9.5
        expected += (q - p) * math.log(q / p)
    assert drift.population_stability_index(*counts) == pytest.approx(expected, rel=1e-12)


def test_kolmogorov_smirnov_by_counting() -> None:
    rng = np.random.default_rng(2)
    before, after = rng.integers(0, 9, 70).astype(float), rng.integers(2, 11, 50).astype(float)
    gaps = [abs((before <= x).mean() - (after <= x).mean()) for x in np.r_[before, after]]
    found = drift.kolmogorov_smirnov(before, after)
    assert found.value == pytest.approx(max(gaps))
    assert found.p_value == pytest.approx(stats.kstwo.sf(max(gaps), round(70 * 50 / 120)))


def test_unknown_is_a_value_below_all_numbers() -> None:
    before = np.arange(100.0)
    gone = drift.kolmogorov_smirnov(before, np.full(60, np.nan))
    assert gone.value == 1
    assert gone.p_value < 1e-9
    assert drift.relative_mean_shift(before, np.full(60, np.nan)) is None
    assert drift.population_stability_index(*drift.bin_numbers(before, np.full(60, np.nan))) > 1
    never = np.full(60, np.nan)
    assert drift.population_stability_index(*drift.bin_numbers(never, never)) == 0
    assert drift.kolmogorov_smirnov(never, never).p_value == 1


def test_a_mean_of_zero_has_no_relative_shift() -> None:
    assert drift.relative_mean_shift(np.zeros(40), np.ones(40)) is None


def test_chi_square_by_hand_with_rare_cells_pooled() -> None:
    before = ["a"] * 60 + ["b"] * 30 + ["c"] * 6 + [None] * 4
    after = ["a"] * 20 + ["b"] * 70 + ["new"] * 6 + [None] * 4
    counts = drift.bin_texts(before, after)
    assert sorted(counts[0].tolist()) == [0, 4, 6, 30, 60]
    observed = np.array([[60, 30, 10], [20, 70, 10]])  # c, new and unknown are rare
    expected = observed.sum(axis=0) / 2
    value = ((observed - expected) ** 2 / expected).sum()
    found = drift.chi_square(*counts)
    assert found.value == pytest.approx(value)
    assert found.p_value == pytest.approx(stats.chi2.sf(value, 2))


def test_one_category_only_shows_nothing() -> None:
    assert drift.chi_square(*drift.bin_texts(["a"] * 50, ["a"] * 40)) == (0, 1)


def test_adjustment_equals_scipy_and_the_definition() -> None:
    p = np.random.default_rng(4).random(25) ** 3
    adjusted = drift.adjust(p)
    assert adjusted == pytest.approx(stats.false_discovery_control(p))
    ranks = np.array([(p <= value).sum() for value in p])
    by_definition = [min(1, (p[p >= value] * 25 / ranks[p >= value]).min()) for value in p]
    assert adjusted == pytest.approx(by_definition)
    assert drift.adjust(np.array([])).size == 0
