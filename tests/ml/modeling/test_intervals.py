"""Intervals from influence functions: textbook values, clusters, scales, what has none."""

import numpy as np
import pytest
from scipy import stats

from ml.modeling.intervals import UNKNOWN, Clusters, Estimate, difference, interval, mean, total

ROWS = np.arange(40)


def test_of_independent_rows_it_is_students() -> None:
    values = np.random.default_rng(1).uniform(size=40)  # tails shorter than the normal ones
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert interval(mean(values), Clusters(ROWS)) == pytest.approx(expected)


def test_of_independent_shares_it_is_wilsons() -> None:
    for hits in (0, 7, 40):
        expected = stats.binomtest(hits, 40).proportion_ci(method="wilson")
        found = interval(mean((hits > ROWS).astype(np.float64), "share"), Clusters(ROWS))
        assert found == pytest.approx(tuple(expected), rel=0.02)


def test_clusters_that_are_alike_are_worth_no_more_than_their_rows() -> None:
    """As if one of two in each cluster were certain to be a hit."""
    hits = (ROWS % 2).astype(np.float64)
    hits[0] = 1
    alike = interval(mean(hits, "share"), Clusters(ROWS // 2))
    expected = stats.binomtest(21, 40).proportion_ci(method="wilson")
    assert alike == pytest.approx(tuple(expected))


def test_copies_of_a_row_are_worth_one_and_the_wider_clusters_count() -> None:
    values = np.random.default_rng(2).normal(size=40)
    once = interval(mean(values), Clusters(ROWS))
    copied, ids = np.repeat(values, 3), np.repeat(ROWS, 3)
    assert interval(mean(copied), Clusters(ids)) == pytest.approx(once)
    assert interval(mean(copied), Clusters(np.arange(120), ids)) == pytest.approx(once)


def test_few_rows_that_carry_the_variance_give_a_wide_interval() -> None:
    values = np.where(ROWS < 2, 50.0, 0.0)
    low, high = interval(total(values), Clusters(ROWS))
    assert low is not None
    assert high is not None
    assert 0 < low < 20  # the sum is 100
    assert high > 500


def test_the_scale_keeps_an_interval_where_the_figure_can_be() -> None:
    influence = np.where(ROWS % 2, 0.02, -0.02)
    for value, scale in ((0.05, "log"), (0.95, "log of the rest"), (0.97, "logit")):
        low, high = interval(Estimate(value, influence, scale), Clusters(ROWS))  # type: ignore[arg-type]
        assert low is not None
        assert high is not None
        assert low < value < high
        assert low > 0 or scale == "log of the rest"
        assert high < 1 or scale == "log"


def test_what_nobody_could_claim_has_no_interval() -> None:
    same = mean(np.full(40, 0.3))
    assert interval(same, Clusters(ROWS)) == UNKNOWN
    assert interval(difference(same, same), Clusters(ROWS)) == UNKNOWN
    values = np.random.default_rng(3).normal(size=40)
    assert interval(mean(values), Clusters(ROWS, np.zeros(40, dtype=int))) == UNKNOWN
    assert interval(Estimate(np.nan, values), Clusters(ROWS)) == UNKNOWN
