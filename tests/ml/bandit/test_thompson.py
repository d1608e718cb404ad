"""The exact chance to be the best."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import betaln

from ml.bandit.thompson import best_probabilities

DRAWS = 100_000
POSTERIORS = [
    ([0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]),
    ([3.4, 1.2, 5.1, 2.0], [2.1, 2.5, 3.3, 0.7]),
    ([6500.0, 12.0, 40.0, 0.5], [2500.0, 6.0, 21.0, 0.5]),
]
whole = st.integers(1, 400)


@settings(deadline=None)
@given(whole, whole, whole, whole)
def test_two_whole_posteriors_have_the_closed_form(a1: int, b1: int, a2: int, b2: int) -> None:
    """P(second > first) for whole parameters, after Miller (2015)."""
    i = np.arange(a2)
    terms = betaln(a1 + i, b1 + b2) - np.log(b2 + i) - betaln(1 + i, b2) - betaln(a1, b1)
    found = best_probabilities(np.array([[a1, a2]]) * 1.0, np.array([[b1, b2]]) * 1.0)
    assert found[0] == pytest.approx([1 - np.exp(terms).sum(), np.exp(terms).sum()], abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0.5, 5000), st.floats(0.5, 5000)), min_size=2, max_size=5))
def test_probabilities_are_positive_and_add_up(arms: list[tuple[float, float]]) -> None:
    alpha, beta = np.array(arms).T
    (found,) = best_probabilities(alpha[None], beta[None])
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("alpha", "beta"), POSTERIORS)
def test_draws_from_the_posteriors_win_as_often(alpha: list[float], beta: list[float]) -> None:
    (exact,) = best_probabilities(np.array([alpha]), np.array([beta]))
    drawn = np.random.default_rng(11).beta(alpha, beta, (DRAWS, len(alpha)))
    won = np.bincount(drawn.argmax(axis=1), minlength=len(alpha))
    assert stats.chisquare(won, exact * DRAWS).pvalue > 0.001


def test_a_grid_on_the_unit_interval_would_be_wrong_for_jeffreys() -> None:
    """Three equal arms win a third each; midpoints of [0, 1] lose the mass at its ends."""
    half = np.full((1, 3), 0.5)
    assert best_probabilities(half, half) == pytest.approx(np.full((1, 3), 1 / 3), abs=1e-13)
    x = (np.arange(1000) + 0.5) / 1000
    law = stats.beta(0.5, 0.5)
    assert abs(3 * (law.pdf(x) * law.cdf(x) ** 2).mean() - 1) > 0.015


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(2)
    alpha, beta = rng.uniform(0.5, 900, (2, 60, 4))
    together = best_probabilities(alpha, beta)
    alone = [best_probabilities(alpha[[row]], beta[[row]])[0] for row in range(60)]
    assert np.array_equal(together, np.array(alone))


def test_what_cannot_be_integrated_is_refused() -> None:
    with pytest.raises(ValueError, match=r"below 0\.5"):
        best_probabilities(np.array([[0.4, 1.0]]), np.array([[1.0, 1.0]]))
