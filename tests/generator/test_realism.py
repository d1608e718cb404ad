"""Generated campaigns lie where real ones do, in pairs of what can be seen of them."""

import numpy as np
import pytest

from tests.benchmarks.realism import (
    PAGE,
    campaigns,
    counted,
    distance,
    largest_gaps,
    parameters,
    reality,
    total_variation,
)
from tests.benchmarks.whole_run import write_section


def test_a_world_lies_where_real_campaigns_do() -> None:
    known = reality()
    found = total_variation(counted(known, campaigns(314)), known.pairs)
    assert len(found) == 21
    assert np.mean(list(found.values())) <= 0.095
    assert max(found.values()) <= 0.120


def test_every_campaign_is_counted_once_per_pair_and_in_its_bin() -> None:
    known = reality()
    columns = {
        "goal": np.array([5_000.0, 5_000.01]),
        "duration_days": np.array([30.0, 60.0]),
        "backers": np.array([0, 2]),
        "mean_pledge": np.ma.array([0.0, 25.0], mask=[True, False]),
        "funding_ratio": np.array([0.0, 50 / 5_000.01]),
        "launch_weekday": np.array([1, 7]),
        "category": np.array(["Art", "Theater"]),
        "is_funded": np.array([False, False]),
    }
    found = counted(known, columns)
    assert all(counts.sum() == 2 for counts in found.values())
    assert np.argwhere(found["goal", "mean_pledge"]).tolist() == [[9, 0, 0], [10, 5, 0]]
    assert np.argwhere(found["launch_weekday", "category"]).tolist() == [[1, 1, 0], [7, 15, 0]]


def test_equal_counts_have_no_distance_and_separate_ones_all() -> None:
    first, second = np.array([[3.0, 1.0]]), np.array([[0.0, 0.0, 5.0]])
    assert distance(first, 7 * first) == pytest.approx(0)
    assert distance(np.pad(first, ((0, 0), (0, 1))), second) == 1


def test_the_largest_gap_is_named() -> None:
    known = reality()
    moved = {pair: counts.copy() for pair, counts in known.pairs.items()}
    counts = moved["goal", "backers"]
    counts[9, 1, 0], counts[9, 2, 0] = 0, counts[9, 1, 0] + counts[9, 2, 0]
    (_, label, share, real), *_ = largest_gaps(known, moved)
    assert label.startswith("goal 4,000 to 5,000, backers")
    assert share != real


def test_the_page_lists_all_parameters_as_they_are() -> None:
    page = PAGE.read_text()
    assert write_section(page, "parameters", parameters()) == page
