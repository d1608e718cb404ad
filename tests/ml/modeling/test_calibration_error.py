"""The calibration error without noise: what it estimates, its interval and the bound."""

import numpy as np
import pytest

from ml.modeling.calibration_error import CalibrationError, bins_of, calibration_error, distance
from ml.modeling.intervals import Clusters, Floats


def measured(chance: Floats, rate: Floats, seed: int, times: int = 1) -> CalibrationError:
    """Draws one outcome per entity, each predicted `times` times."""
    label = np.random.default_rng(seed).random(len(chance)) < rate
    entity = np.repeat(np.arange(len(chance)), times)
    return calibration_error(
        np.repeat(chance, times), np.repeat(label, times), entity, Clusters(entity)
    )


def test_a_perfect_model_stays_below_the_bound_about_as_often_as_it_says() -> None:
    chance = np.random.default_rng(1).random(300)
    found = [measured(chance, chance, seed, times=2) for seed in range(200)]
    assert 181 <= sum(each.seen <= each.bound for each in found) <= 198
    # what is seen is all noise, of which little is left
    assert np.mean([each.debiased for each in found]) < 0.5 * np.mean([x.seen for x in found])
    assert 181 <= sum(each.interval.low == 0 for each in found) <= 200
    assert all((each.interval.high or 0) > 0 for each in found)


@pytest.mark.parametrize("count", [60, 600])
def test_the_interval_holds_the_error_and_its_own_estimate(count: int) -> None:
    rng = np.random.default_rng(2)
    chance = rng.uniform(0.2, 0.8, count)
    rate = np.clip(0.5 + 1.6 * (chance - 0.5), 0, 1)  # too cautious at both ends
    right, held = distance(chance, rate), 0
    for seed in range(100):
        found = measured(chance, rate, seed)
        low, high = found.interval
        assert low is not None
        assert high is not None
        assert low <= found.debiased <= high
        held += low <= right <= high
    assert held >= 90


def test_predicting_often_what_ends_once_tells_nothing_more() -> None:
    chance = np.random.default_rng(3).random(200)
    label, entity = chance > 0.5, np.repeat(np.arange(200), 6)
    once = calibration_error(chance, label, np.arange(200), Clusters(np.arange(200)))
    copies = np.repeat(chance, 6), np.repeat(label, 6)
    often = calibration_error(*copies, entity, Clusters(np.arange(1200)))
    assert often.bound == pytest.approx(once.bound, rel=0.05)


def test_entities_that_end_alike_raise_the_bound() -> None:
    alike = np.repeat(np.random.default_rng(6).random(50) < 0.5, 4)
    chance, entity = np.random.default_rng(7).uniform(0.4, 0.6, 200), np.arange(200)
    alone = calibration_error(chance, alike, entity, Clusters(entity))
    together = calibration_error(chance, alike, entity, Clusters(entity // 4))
    assert together.bound > 1.5 * alone.bound
    assert (together.interval.high or 0) > (alone.interval.high or 1)


def test_bins_hold_equal_numbers_of_rows_in_the_order_of_their_probability() -> None:
    chance = np.array([0.5, 0.1, 0.9, 0.3] * 5)
    found = bins_of(chance)
    assert np.bincount(found).tolist() == [2] * 10
    assert (np.diff(found[np.argsort(chance, kind="stable")]) >= 0).all()
    assert bins_of(chance[:3]).tolist() == [1, 0, 2]
    assert bins_of(chance[:0]).tolist() == []
