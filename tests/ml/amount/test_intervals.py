"""The intervals hold what they promise on later launches, never below what is pledged."""

from dataclasses import replace

import numpy as np
import pytest

from ml.amount import intervals
from ml.amount.intervals import Intervals
from ml.amount.rows import Snapshots, amount_of, log_share
from tests.ml.amount.conftest import FEATURES, campaigns, cheap


@pytest.fixture(scope="module")
def fitted() -> Intervals:
    return intervals.fit(campaigns(1500, seed=1), FEATURES, cheap(), 3)


def later(count: int = 4000) -> Snapshots:
    return campaigns(count, seed=2, first_id=10_000, first_day=700)


def test_nine_in_ten_later_campaigns_end_inside_at_each_prediction_time(fitted: Intervals) -> None:
    """A quarter ends where it is: with margins that could lift a low end off it, 75 % at most.

    The margin of 900 campaigns has a deviation of 1 point, the share of 4,000 one of 0.5.
    """
    rows = later()
    ends = intervals.predict(fitted, rows)
    is_inside = (ends[:, 0] <= rows.log_final + 1e-9) & (rows.log_final <= ends[:, 2] + 1e-9)
    for kind in ("d1", "d10"):
        assert is_inside[rows.kind == kind].mean() == pytest.approx(0.9, abs=0.035)


@pytest.mark.parametrize("margin", [-9.0, -0.1, 0.0, 9.0])
def test_ends_are_in_order_and_never_below_what_is_pledged(
    fitted: Intervals, margin: float
) -> None:
    rows = later(500)
    ends = intervals.predict(replace(fitted, margin=np.full(2, margin)), rows)
    assert (np.diff(ends, axis=1) >= 0).all()
    assert (ends[:, 0] >= rows.log_pledged).all()


def test_a_low_end_at_what_is_pledged_stays_there_whatever_the_margin(fitted: Intervals) -> None:
    rows = later(500)
    plain, narrower = (
        intervals.predict(replace(fitted, margin=np.full(2, margin)), rows) for margin in (0, -0.05)
    )
    is_at_pledged = plain[:, 0] == rows.log_pledged
    assert 0.2 < is_at_pledged.mean() < 1
    assert (narrower[is_at_pledged, 0] == rows.log_pledged[is_at_pledged]).all()
    assert (narrower[~is_at_pledged, 0] > plain[~is_at_pledged, 0]).any()
    assert (narrower[:, 2] < plain[:, 2]).any()


def test_between_two_prediction_times_the_margin_of_the_earlier_one_holds(
    fitted: Intervals,
) -> None:
    rows = later(50).where(np.arange(100) < 50)
    at_ten = rows._replace(age_days=np.full(50, 10.0))
    between, after = (rows._replace(age_days=np.full(50, day)) for day in (9.99, 25.0))
    found = [intervals.predict(fitted, each) for each in (rows, between, at_ten, after)]
    assert (found[0] == found[1]).all()
    assert (found[2] == found[3]).all()
    assert (found[1] != found[2]).any()


def test_a_prediction_time_with_too_few_earlier_campaigns_has_no_intervals() -> None:
    rows = campaigns(120, seed=1)
    few = rows.where((rows.kind == "d1") | (rows.project_id % 5 == 0))
    found = intervals.fit(few, FEATURES, cheap(), 3)
    assert intervals.not_calibrated(found) == ("d10",)
    ends = intervals.predict(found, later(50))
    assert np.isnan(ends[later(50).kind == "d10"]).all()
    assert np.isfinite(ends[later(50).kind == "d1"]).all()


def test_margins_come_from_launches_after_the_fit() -> None:
    """A level that rises in the last third makes them wider; the quantiles alone would not know."""
    rows = campaigns(600, seed=1)
    is_late = rows.launched_at > np.quantile(rows.launched_at.astype(np.int64), 0.85).astype(
        "datetime64[us]"
    )
    risen = rows._replace(log_final=rows.log_final + 2.0 * is_late)
    steady, moved = (intervals.fit(each, FEATURES, cheap(), 3) for each in (rows, risen))
    assert (moved.margin > steady.margin + 0.5).all()


def test_logarithm_and_amount_are_inverse_down_to_nothing() -> None:
    amounts, goal = np.array([0, 0.01, 12.34, 1e9]), np.array([100.0, 1e6, 50, 2])
    assert np.allclose(amount_of(log_share(amounts, goal), goal), amounts, atol=1e-6)
