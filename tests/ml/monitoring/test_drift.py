"""Drift statistics against independent computations, and samples that are hardly samples."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ml.monitoring import drift
from ml.monitoring.drift import Categories, Numbers

Z = 2.0
VALUES = st.lists(
    st.one_of(st.just(math.nan), st.just(0.0), st.floats(-1e9, 1e9, width=32)),
    min_size=1, max_size=40,
).map(np.array)  # fmt: skip
NAMES = st.lists(st.sampled_from(["a", "b", None, True, False]), min_size=1, max_size=40)


def check_figures(shift: drift.Shift) -> None:
    assert 0 <= shift.p_value <= 1
    assert shift.psi >= 0
    for figure in (shift.mean_shift, shift.capped_shift, shift.capped_low, shift.psi_low):
        assert figure is None or math.isfinite(figure)
    assert shift.psi_low <= shift.psi
    assert (shift.capped_low is None) == (shift.capped_shift is None)
    if shift.capped_low is not None and shift.capped_shift is not None:
        assert shift.capped_low <= abs(shift.capped_shift) + 1e-12


@given(before=VALUES, after=VALUES)
@settings(max_examples=300, deadline=None)
def test_any_two_samples_of_numbers_can_be_compared(before: Any, after: Any) -> None:
    check_figures(Numbers(before).compare(after, Z))


@given(before=NAMES, after=NAMES)
@settings(max_examples=200, deadline=None)
def test_any_two_samples_of_categories_can_be_compared(before: Any, after: Any) -> None:
    check_figures(Categories(before).compare(after, Z))


def test_the_same_sample_has_not_moved() -> None:
    sample = np.random.default_rng(1).lognormal(size=500)
    shift = Numbers(sample).compare(sample, Z)
    assert (shift.test_value, shift.p_value, shift.psi) == (0, 1, 0)
    assert shift.mean_shift == pytest.approx(0)
    assert shift.capped_low is not None
    assert shift.capped_low < 0
    assert shift.psi_low < 0


def test_a_doubled_sample_has_moved() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.lognormal(size=800), 2 * rng.lognormal(size=500)
    shift = Numbers(before).compare(after, Z)
    assert shift.mean_shift == pytest.approx(after.mean() / before.mean() - 1)
    assert shift.psi_low > 0.2
    assert shift.p_value < 1e-9


def test_one_blockbuster_moves_the_mean_but_not_the_capped_mean() -> None:
    rng = np.random.default_rng(5)
    before, after = rng.lognormal(size=800), rng.lognormal(size=500)
    after[0] = 1e6
    shift = Numbers(before).compare(after, Z)
    assert shift.mean_shift is not None
    assert shift.mean_shift > 100
    assert shift.capped_shift == pytest.approx(0, abs=0.1)


def test_capped_shift_and_its_bound_by_hand() -> None:
    rng = np.random.default_rng(6)
    before, after = rng.lognormal(size=900), 1.5 * rng.lognormal(size=400)
    low, high = np.quantile(before, (0.05, 0.95))
    one, other = np.clip(before, low, high), np.clip(after, low, high)
    expected = other.mean() / one.mean() - 1
    shift = Numbers(before).compare(after, Z)
    assert shift.capped_shift == pytest.approx(expected)
    ratios = [
        rng.choice(other, len(other)).mean() / rng.choice(one, len(one)).mean() for _ in range(4000)
    ]
    assert shift.capped_low == pytest.approx(expected - Z * np.std(ratios), abs=0.01)


def test_stability_index_by_hand() -> None:
    before, after = np.array([10.0, 20, 30, 0]), np.array([5.0, 5, 5, 5])
    expected = 0.0
    for one, other in zip(before, after, strict=True):
        p, q = (one + 0.5) / 62, (other + 0.5) / 22
        expected += (q - p) * math.log(q / p)
    assert drift.stability_index(before, after, Z)[0] == pytest.approx(expected, rel=1e-12)


def test_the_bound_of_the_stability_index_is_seldom_above_it_and_not_far_below() -> None:
    rng = np.random.default_rng(7)
    p, q = np.full(10, 0.1), np.linspace(0.06, 0.14, 10)
    true_index = ((q - p) * np.log(q / p)).sum()
    draws = [(rng.multinomial(2000, p) * 1.0, rng.multinomial(600, q) * 1.0) for _ in range(2000)]
    lows = np.array([drift.stability_index(*counts, stats.norm.isf(0.05))[1] for counts in draws])
    assert (lows > true_index).mean() < 0.06
    assert (lows > 0).mean() > 0.8


def test_kolmogorov_smirnov_by_counting_and_by_scipy() -> None:
    rng = np.random.default_rng(2)
    before, after = rng.integers(0, 9, 700).astype(float), rng.integers(0, 10, 500).astype(float)
    gaps = [abs((before <= x).mean() - (after <= x).mean()) for x in np.r_[before, after]]
    shift = Numbers(before).compare(after, Z)
    assert shift.test_value == pytest.approx(max(gaps))
    assert shift.p_value == pytest.approx(stats.ks_2samp(before, after).pvalue, rel=0.1)


def test_unknown_is_a_value_below_all_numbers() -> None:
    before, never = np.arange(1, 101.0), np.full(60, np.nan)
    gone = Numbers(before).compare(never, Z)
    assert gone.test_value == 1
    assert gone.p_value < 1e-9
    assert (gone.mean_shift, gone.capped_shift, gone.capped_low) == (None, None, None)
    assert gone.psi_low > 1
    still_unknown = Numbers(never).compare(never, Z)
    assert (still_unknown.psi, still_unknown.p_value) == (0, 1)
    appeared = Numbers(never).compare(before, Z)
    assert appeared.test_value == 1
    assert appeared.psi_low > 1
    assert appeared.mean_shift is None


def test_a_constant_sample_is_compared_like_any_other() -> None:
    rng = np.random.default_rng(3)
    shift = Numbers(rng.lognormal(size=300)).compare(np.full(100, 1.0), Z)
    assert shift.p_value < 1e-6
    assert shift.psi_low > 0.5
    same = Numbers(np.full(300, 5.0)).compare(np.full(100, 5.0), Z)
    assert (same.p_value, same.mean_shift, same.psi) == (1, 0, 0)
    other = Numbers(np.full(300, 5.0)).compare(np.full(100, 10.0), Z)
    assert other.mean_shift == 1
    assert other.p_value < 1e-9


def test_a_mean_of_zero_has_no_relative_shift() -> None:
    shift = Numbers(np.zeros(40)).compare(np.ones(40), Z)
    assert (shift.mean_shift, shift.capped_shift) == (None, None)
    assert shift.psi_low > 0.5


def test_a_rare_yes_is_not_capped_away() -> None:
    before, after = np.zeros(1000), np.zeros(500)
    before[:20], after[:20] = 1, 1
    shift = Numbers(before).compare(after, Z)
    assert shift.capped_shift == pytest.approx(1)


def test_chi_square_by_hand_with_rare_cells_pooled() -> None:
    before = ["a"] * 60 + ["b"] * 30 + ["c"] * 6 + [None] * 4
    after = ["a"] * 20 + ["b"] * 70 + ["new"] * 6 + [None] * 4
    observed = np.array([[60, 30, 10], [20, 70, 10]])  # c, new and unknown are rare
    expected = observed.sum(axis=0) / 2
    value = ((observed - expected) ** 2 / expected).sum()
    found = Categories(before).compare(after, Z)
    assert found.test_value == pytest.approx(value)
    assert found.p_value == pytest.approx(stats.chi2.sf(value, 2))
    assert not found.has_mean


def test_categories_never_seen_before_count() -> None:
    shift = Categories(["a", "b"] * 200).compare(["a", "b", "new", None] * 50, Z)
    assert shift.p_value < 1e-9
    assert shift.psi_low > 0.5


def test_one_category_only_shows_nothing() -> None:
    shift = Categories(["a"] * 50).compare(["a"] * 40, Z)
    assert (shift.test_value, shift.p_value, shift.psi) == (0, 1, 0)


def test_yes_and_no_have_a_mean() -> None:
    shift = Categories([True, False] * 200).compare([True, True, True, False] * 100, Z)
    assert shift.mean_shift == pytest.approx(0.5)
    assert shift.capped_low == pytest.approx(0.5 - Z * np.hypot(0.25**0.5 * 1.5 / 20 / 0.5,
        (0.1875**0.5) / 20 / 0.5), rel=1e-6)  # fmt: skip
