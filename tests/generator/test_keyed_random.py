"""Chance by key: fair, independent for each purpose, and the same in every world."""

from itertools import pairwise

import numpy as np
import pytest

from generator import keyed_random
from generator.arrays import Floats, normal_quantile

NORMAL = normal_quantile((np.arange(1 << 16) + 0.5) / (1 << 16))
KEYS = np.arange(200_000, dtype=np.uint64) * keyed_random.GOLDEN + np.uint64(77)


def test_numbers_belong_to_their_key() -> None:
    whole = keyed_random.uniform(KEYS, 1)
    some = np.random.default_rng(1).permutation(len(KEYS))[:50]
    assert (keyed_random.uniform(KEYS[some], 1) == whole[some]).all()


@pytest.mark.parametrize("purpose", [0, 1, 8, 97])
def test_uniform_numbers_fill_the_range_evenly(purpose: int) -> None:
    drawn = keyed_random.uniform(KEYS, purpose)
    assert 0 <= drawn.min() <= drawn.max() < 1
    assert np.bincount((drawn * 20).astype(int)) / len(KEYS) == pytest.approx(0.05, abs=0.002)


def test_purposes_and_neighbours_do_not_go_together() -> None:
    first, second = keyed_random.uniform(KEYS, 1), keyed_random.uniform(KEYS, 2)
    normal, high, low = keyed_random.marks(KEYS, 1, NORMAL)
    pairs = ((first, second), (first[1:], first[:-1]), (high, low), (normal, high), (normal, low))
    for left, right in pairs:
        assert abs(np.corrcoef(left, right)[0, 1]) < 0.01


def test_marks_are_a_number_of_the_law_and_two_uniform_ones() -> None:
    drawn, *uniform = keyed_random.marks(KEYS, 5, NORMAL)
    for each in uniform:
        assert 0 < each.min() <= each.max() < 1
        assert np.bincount((each * 20).astype(int)) / len(KEYS) == pytest.approx(0.05, abs=0.002)
    assert drawn.mean() == pytest.approx(0, abs=0.01)
    assert drawn.std() == pytest.approx(1, abs=0.01)
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([-1.96, 1.96], abs=0.03)


@pytest.mark.parametrize("mean", [0.0, 0.05, 0.9, 4.0, 5.9, 6.1, 12.0, 60.0, 400.0])
def test_poisson_counts_have_their_mean_and_variance(mean: float) -> None:
    drawn = keyed_random.uniform(KEYS, 6)
    count = keyed_random.poisson_quantile(drawn, np.full(len(KEYS), mean))
    assert count.mean() == pytest.approx(mean, abs=5 * np.sqrt(max(mean, 1e-9) / len(KEYS)))
    assert count.var() == pytest.approx(mean, rel=0.03)


def test_small_poisson_counts_have_exact_shares() -> None:
    drawn = (np.arange(100_000) + 0.5) / 100_000
    count = keyed_random.poisson_quantile(drawn, np.full(100_000, 2.0))
    shares: Floats = np.exp(-2.0) * np.array([1, 2, 2, 4 / 3, 2 / 3])
    assert np.bincount(count)[:5] / 100_000 == pytest.approx(shares, abs=2e-5)


@pytest.mark.parametrize("mean", [6.0, 7.3, 12.0, 40.0])
def test_large_poisson_counts_are_hardly_ever_wrong(mean: float) -> None:
    drawn = (np.arange(100_000) + 0.5) / 100_000
    number = np.arange(1, 200)
    log_terms = np.concatenate([[0.0], np.cumsum(np.log(mean / number))]) - mean
    exact = np.searchsorted(np.cumsum(np.exp(log_terms)), drawn)
    found = keyed_random.poisson_quantile(drawn, np.full(100_000, mean))
    assert (found != exact).mean() < 0.0012
    assert np.abs(found - exact).max() <= 1


def test_a_larger_mean_never_makes_a_smaller_count() -> None:
    drawn = np.random.default_rng(2).random(20_000)
    means = [
        keyed_random.poisson_quantile(drawn, np.full(20_000, mean))
        for mean in np.arange(0, 30, 0.7)
    ]
    assert all((low <= high).all() for low, high in pairwise(means))


def test_the_most_extreme_numbers_end() -> None:
    drawn = np.array([0.0, np.nextafter(1.0, 0.0)])
    counts = keyed_random.poisson_quantile(np.repeat(drawn, 2), np.array([0.1, 11.0, 0.1, 11.0]))
    assert counts[:2].tolist() == [0, 0]
    assert counts[2] < 15
    assert counts[3] < 60
