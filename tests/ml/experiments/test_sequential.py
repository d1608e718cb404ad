"""Boundaries: as published, exact, and holding however often somebody looks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from ml.experiments.sequential import (
    Floats,
    boundaries,
    conditional_power,
    inflation,
    obrien_fleming_spending,
    operating,
)

PUBLISHED = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]  # Lan and DeMets, two-sided .05, K = 5


def spending_boundaries(fractions: Floats, alpha: float = 0.05) -> Floats:
    return boundaries(fractions, obrien_fleming_spending(fractions, alpha))


def evenly(looks: int) -> Floats:
    return np.arange(1, looks + 1) / looks


def chance_inside(fractions: Floats, critical: Floats) -> float:
    """The same probability by another way: a multivariate normal distribution in a box."""
    earlier, later = np.meshgrid(fractions, fractions)
    correlation = np.sqrt(np.minimum(earlier, later) / np.maximum(earlier, later))
    edge = np.minimum(critical, 12)
    return float(
        multivariate_normal(np.zeros(len(edge)), correlation, maxpts=400_000).cdf(
            edge, lower_limit=-edge, rng=np.random.default_rng(1)
        )
    )


def test_five_looks_are_as_published() -> None:
    # the second one is 3.35701; the published figure comes from a coarser integration
    assert spending_boundaries(evenly(5)) == pytest.approx(PUBLISHED, abs=2e-4)
    assert [f"{value:.4g}" for value in spending_boundaries(evenly(5))] == [
        f"{value:.4g}" for value in PUBLISHED
    ]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(0.05, 1), min_size=2, max_size=4, unique=True), st.sampled_from([0.05, 0.01])
)
def test_any_looks_spend_what_they_may(shares: list[float], alpha: float) -> None:
    fractions = np.sort(shares)
    if (np.diff(fractions) < 0.01).any():
        return
    critical = spending_boundaries(fractions, alpha)
    for looks in range(1, len(fractions) + 1):
        spent = float(obrien_fleming_spending(fractions[looks - 1], alpha))
        inside = chance_inside(fractions[:looks], critical[:looks])
        assert 1 - inside == pytest.approx(spent, abs=2e-4)


def test_a_look_on_each_of_28_days_rejects_in_five_per_cent() -> None:
    steps = np.random.default_rng(5).standard_normal((100_000, 28))
    z = np.cumsum(steps, axis=1) / np.sqrt(np.arange(1, 29))
    share = (np.abs(z) >= spending_boundaries(evenly(28))).any(axis=1).mean()
    assert share == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 100_000))


def test_a_boundary_does_not_depend_on_later_looks() -> None:
    fractions = np.array([0.1, 0.35, 0.36, 0.8, 1.0])
    all_looks = spending_boundaries(fractions)
    for looks in range(1, 5):
        assert spending_boundaries(fractions[:looks]) == pytest.approx(all_looks[:looks], abs=1e-9)


def test_rows_of_looks_are_independent_of_each_other() -> None:
    rows = np.array([[0.2, 0.5, 1.0], [0.01, 0.9, 1.0], [0.3, 0.6, 0.7]])
    together = spending_boundaries(rows)
    for row, critical in zip(rows, together, strict=True):
        assert spending_boundaries(row) == pytest.approx(critical, abs=1e-6)


def test_nothing_is_spent_without_information_and_all_of_it_at_the_end() -> None:
    spent = obrien_fleming_spending([0.0, 1e-4, 0.5, 1.0, 1.7], 0.05)
    assert spent[:2].tolist() == [0.0, 0.0]
    assert spent[3:].tolist() == pytest.approx([0.05, 0.05])
    assert (np.diff(spent) >= 0).all()
    critical = boundaries([1.0, 50.0], [0.0, 0.05])
    assert critical.tolist() == [np.inf, pytest.approx(norm.isf(0.025))]


def test_one_look_is_the_ordinary_test() -> None:
    assert spending_boundaries(evenly(1)) == pytest.approx([norm.isf(0.025)])
    assert inflation(1, alpha=0.05, power=0.9) == pytest.approx(1, abs=1e-6)


def test_largest_size_of_28_looks() -> None:
    assert inflation(28, alpha=0.05, power=0.9) == pytest.approx(1.047, abs=1e-3)


def test_operating_figures_agree_with_simulation() -> None:
    fractions = np.array([0.2, 0.45, 0.7, 1.0])
    critical, drift = spending_boundaries(fractions), 3.0
    steps = np.diff(fractions, prepend=0)
    rng = np.random.default_rng(3)
    score = np.cumsum(drift * steps + np.sqrt(steps) * rng.standard_normal((200_000, 4)), axis=1)
    z = score / np.sqrt(fractions)
    stops = np.argmax(np.column_stack([np.abs(z) >= critical, np.ones(len(z), bool)]), axis=1)
    found = operating(fractions, critical, drift)
    assert found.power == pytest.approx((z >= critical).any(axis=1).mean(), abs=4e-3)
    assert found.mean_fraction == pytest.approx(fractions[np.minimum(stops, 3)].mean(), abs=4e-3)


def test_conditional_power_agrees_with_simulation() -> None:
    rng = np.random.default_rng(4)
    planned, information, z, effect = 400.0, 150.0, 0.8, 0.12
    ahead = planned - information
    score = z * np.sqrt(information) + effect * ahead
    final = (score + np.sqrt(ahead) * rng.standard_normal(400_000)) / np.sqrt(planned)
    expected = float((final > 2.0).mean())
    assert conditional_power(z, information, planned, 2.0, effect) == pytest.approx(
        expected, abs=4e-3
    )
