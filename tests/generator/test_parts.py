"""The generator's own arithmetic, against plain Python."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from generator.arrays import (
    DAY,
    HOUR,
    PART,
    ascending,
    even_normal,
    in_parts,
    members,
    place_in_group,
    weighted_choice,
)
from generator.campaigns import NOT_CANCELLED
from generator.careers import history_score
from generator.catalogue import STRATEGIES
from generator.config import SimulationConfig
from generator.draws import weighted_draw
from generator.launches import Projects, wave_sizes
from generator.plans import tranches
from generator.rhythm import launch_timestamps, pledge_rhythm

START, END = 1_609_459_200_000_000, 1_704_067_200_000_000


def plain_tranches(goal: int, count: int, strategy: str) -> list[int]:
    numbers = range(1, count + 1)
    total = count * (count + 1) // 2
    shares = {
        "equal_tranches": [Fraction(1, count) for _ in numbers],
        "front_loaded": [Fraction(count - number + 1, total) for number in numbers],
        "back_loaded": [Fraction(number, total) for number in numbers],
        "holdback_20": [Fraction(4, 5 * count) for _ in numbers],
    }[strategy]
    cents = [int(goal * part) for part in shares]
    return [*cents[:-1], goal - sum(cents[:-1])]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("count", [1, 3, 4, 5])
@pytest.mark.parametrize("goal", [100, 6_001, 499_999, 200_000_000])
def test_tranches_are_the_shares_of_the_goal_to_the_cent(
    goal: int, count: int, strategy: str
) -> None:
    found = tranches(
        np.full(count, goal),
        np.arange(1, count + 1),
        np.full(count, count),
        np.full(count, STRATEGIES.index(strategy)),
    )
    assert found.tolist() == plain_tranches(goal, count, strategy)
    assert found.sum() == goal


@pytest.mark.parametrize(("creators", "projects"), [(50, 200), (1, 1), (50, 50), (50, 600), (7, 9)])
def test_waves_are_exact_and_never_grow(creators: int, projects: int) -> None:
    sizes = wave_sizes(creators, projects, 12)
    assert sizes[0] == creators
    assert sizes.sum() == projects
    assert (np.diff(sizes) <= 0).all()


def test_weighted_draws_follow_the_weights_within_their_range() -> None:
    weights = np.array([1e-6, 5.0, 1.0, 0.001, 3.0, 1.0, 2.0, 1e-9])
    rng = np.random.default_rng(1)
    drawn = weighted_draw(weights).draw(np.full(60_000, 2), np.full(60_000, 7), rng.random(60_000))
    assert set(drawn.tolist()) <= {2, 3, 4, 5, 6}
    shares = np.bincount(drawn, minlength=8) / 60_000
    assert shares == pytest.approx(weights * [0, 0, 1, 1, 1, 1, 1, 0] / 7.001, abs=0.01)


def test_a_range_of_one_item_is_that_item() -> None:
    draw = weighted_draw(np.array([1e-12, 1.0, 1e-12]))
    rng = np.random.default_rng(1)
    assert set(draw.draw(np.full(99, 2), np.full(99, 3), rng.random(99)).tolist()) == {2}
    assert set(draw.draw(np.full(99, 0), np.full(99, 1), rng.random(99)).tolist()) == {0}


def test_the_rhythm_can_be_read_back() -> None:
    rhythm = pledge_rhythm()
    timestamps = np.random.default_rng(2).integers(START, END, 1000)
    assert np.abs(rhythm.timestamp(rhythm.reading(timestamps)) - timestamps).max() < 1_000
    week = rhythm.reading(np.array([START, START + 7 * DAY]))
    assert week[1] - week[0] == pytest.approx(168.0)


def test_launches_fill_the_span_by_season_weekday_and_growth() -> None:
    timestamps = launch_timestamps((np.arange(20_000) + 0.5) / 20_000, START, END, 0.5)
    assert timestamps.min() >= START
    assert timestamps.max() < END
    weekday = Counter(((timestamps // DAY + 3) % 7).tolist())
    assert weekday[1] / 20_000 == pytest.approx(0.204, abs=0.01)
    assert weekday[6] / 20_000 == pytest.approx(0.056, abs=0.01)
    assert (timestamps // HOUR % 24 == 10).mean() == pytest.approx(0.015, abs=0.003)
    years = np.bincount((timestamps - START) // (365 * DAY))
    assert years[2] / years[0] == pytest.approx(1.28, abs=0.03)


def two_projects(second_launch: int) -> Projects:
    """One creator's two projects: the first runs for days 0 to 30, the second starts on a day."""
    same = np.zeros(2, dtype=np.int64)
    return Projects(
        creator=same,
        wave=np.array([0, 1]),
        category=same,
        country=same,
        goal=same + 100,
        duration_band=same,
        launched_at=np.array([0, second_launch]) * DAY,
        deadline_at=np.array([30, second_launch + 30]) * DAY,
        milestone_count=same + 3,
        strategy=same,
    )


@pytest.mark.parametrize(
    ("second_launch", "is_funded", "cancelled_on", "score"),
    [
        (31, True, None, 0.4),
        (31, False, None, -0.1),
        (30, True, None, 0.0),
        (20, True, None, 0.0),
        (20, False, 10, -0.1),
        (20, False, 25, 0.0),
    ],
)
def test_only_outcomes_known_at_launch_are_history(
    second_launch: int, is_funded: bool, cancelled_on: int | None, score: float
) -> None:
    config = SimulationConfig(success_weight=0.4, failure_weight=0.1, history_growth=0.7)
    found = history_score(
        config,
        two_projects(second_launch),
        np.array([1]),
        1,
        np.array([is_funded, False]),
        np.array([NOT_CANCELLED if cancelled_on is None else cancelled_on * DAY, NOT_CANCELLED]),
    )
    assert found == pytest.approx([score])


@pytest.mark.parametrize("most", [1, 70_000, 2**31, 2**50])
def test_ascending_is_a_stable_sort(most: int) -> None:
    rng = np.random.default_rng(most)
    for values in (rng.integers(-most, most, 3_000), rng.integers(0, 40, 3_000) * most // 40):
        assert (ascending(values) == np.argsort(values, kind="stable")).all()
    assert ascending(np.zeros(0, dtype=np.int64)).tolist() == []


@pytest.mark.parametrize("count", [0, 1, PART, 2 * PART + 1])
def test_parts_make_up_the_whole(count: int) -> None:
    values = np.arange(count)
    assert in_parts(np.add, values, values).tolist() == (2 * values).tolist()


def test_groups_are_listed_and_numbered() -> None:
    group, row = members(np.array([10, 20, 30]), np.array([2, 0, 1]))
    assert group.tolist() == [0, 0, 2]
    assert row.tolist() == [10, 11, 30]
    assert place_in_group(np.array([4, 4, 9, 2, 2])).tolist() == [0, 1, 0, 0, 1]
    assert place_in_group(np.array([], dtype=np.int64)).tolist() == []


def test_even_draws_keep_the_distribution_and_lose_the_luck() -> None:
    rng = np.random.default_rng(3)
    group = np.repeat([2, 0, 1], [10, 10, 30])
    for name in range(3):
        means = [even_normal(rng, group)[group == name].mean() for _ in range(200)]
        independent = 1 / np.sqrt((group == name).sum())
        assert np.std(means) < 0.6 * independent
    many = even_normal(rng, np.zeros(50_000, dtype=np.int64))
    assert many.std() == pytest.approx(1.0, abs=0.01)
    assert np.quantile(many, [0.025, 0.975]) == pytest.approx([-1.96, 1.96], abs=0.02)


def test_weighted_choice_turns_uniform_numbers_into_positions() -> None:
    drawn = np.array([0.0, 0.24, 0.25, 0.99])
    assert weighted_choice([1, 0, 2, 1], drawn).tolist() == [0, 0, 2, 3]
