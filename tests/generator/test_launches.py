"""Goals, durations and exchange rates as people choose them, and campaigns of extreme length."""

import numpy as np
import pytest

from generator.arrays import DAY, HOUR
from generator.campaigns import simulate_all_steps
from generator.careers import pledge_cap
from generator.catalogue import CATEGORIES, COUNTRIES
from generator.config import SimulationConfig
from generator.demand import make_demand
from generator.exchange import exchange_rates
from generator.launches import Projects
from generator.rhythm import pledge_rhythm
from tests.generator.measured import Sample

START = 1_640_995_200_000_000
CONFIG = SimulationConfig()
# Shares of 14,986 real campaigns.
DAYS = {20: 0.0185, 21: 0.0151, 25: 0.0155, 32: 0.0176, 35: 0.0255, 40: 0.0261, 50: 0.0067}
GOALS = {500: 374, 1_000: 509, 4_500: 91, 5_000: 1034, 5_500: 89, 8_000: 200, 50_000: 265}
# Real campaigns of these categories last exactly 30 days in .411 and in .499 of cases.
OWN_DAYS = ("Art", "Dance", "Design", "Film & Video", "Music", "Theater")
USUAL_DAYS = ("Comics", "Crafts", "Fashion", "Food", "Games", "Publishing")
# Shares of 1,017 real campaigns with a single pledge, by its size.
SINGLE_PLEDGES = {1: 0.288, 5: 0.089, 10: 0.122, 20: 0.052, 25: 0.122, 50: 0.064}


def codes(sample: Sample) -> list[str]:
    return [COUNTRIES[place].code for place in sample.block.projects.country]


def test_goals_are_the_numbers_people_choose(sample: Sample) -> None:
    goal = sample.goal[np.array(codes(sample)) == "US"]
    assert (goal % 50 == 0).mean() == pytest.approx(0.95, abs=0.02)
    for number, count in GOALS.items():
        share = count / 11_852
        error = np.sqrt(share / len(goal))
        assert (goal == number).mean() == pytest.approx(share, abs=0.15 * share + 3 * error), number


def test_some_days_are_preferred_and_all_occur(sample: Sample) -> None:
    projects = sample.block.projects
    days = (projects.deadline_at - projects.launched_at) // DAY
    for number, share in DAYS.items():
        error = np.sqrt(share / len(days))
        assert (days == number).mean() == pytest.approx(share, abs=0.1 * share + 3 * error), number
    assert (days < 7).any()
    assert (days == 90).mean() == pytest.approx(0.005, abs=0.003)
    assert days.max() <= 92


def test_categories_differ_in_the_days_they_prefer(sample: Sample) -> None:
    projects, names = sample.block.projects, np.array([category.name for category in CATEGORIES])
    is_month = (projects.deadline_at - projects.launched_at) // DAY == 30
    own, usual = (
        is_month[np.isin(names[projects.category], those)].mean()
        for those in (OWN_DAYS, USUAL_DAYS)
    )
    assert own == pytest.approx(0.411, abs=0.025)
    assert usual == pytest.approx(0.499, abs=0.025)


def test_single_pledges_are_at_the_prices_of_rewards(sample: Sample) -> None:
    is_single = sample.over & (sample.backers == 1) & (np.array(codes(sample)) == "US")
    size = sample.mean_pledge[is_single]
    for price, share in SINGLE_PLEDGES.items():
        error = np.sqrt(share / len(size))
        assert (size == price).mean() == pytest.approx(share, abs=0.15 * share + 2.5 * error), price
    # Of the real ones each is .005, which no smooth law of sums in mind between 50 and 250 gives.
    assert (size == 75).mean() < 0.035
    assert (size == 200).mean() < 0.02


def test_exchange_rates_move_and_countries_of_one_currency_share_them() -> None:
    days = START + np.arange(0, 1000) * DAY
    by_code = {
        country.code: exchange_rates(CONFIG, np.full(1000, place), days)
        for place, country in enumerate(COUNTRIES)
    }
    assert (by_code["US"] == 1).all()
    assert (by_code["DE"] == by_code["ES"]).all()
    for country in COUNTRIES[1:]:
        log_rate = np.log(by_code[country.code])
        assert log_rate.std() == pytest.approx(CONFIG.exchange_sd, rel=0.5)
        assert np.abs(np.diff(log_rate)).max() < 0.03
        assert len(np.unique(by_code[country.code])) == 1000
    assert abs(np.corrcoef(by_code["GB"], by_code["CA"])[0, 1]) < 0.9


def test_goals_in_other_money_are_no_spikes(sample: Sample) -> None:
    goal = sample.goal[np.isin(codes(sample), ("GB", "DE", "FR", "IT", "NL", "ES"))]
    _, counts = np.unique(goal, return_counts=True)
    assert counts.max() / len(goal) < 0.01


def projects_of(length: int, count: int) -> Projects:
    """Campaigns that are alike but for what comes of them."""
    same = np.zeros(count, dtype=np.int64)
    return Projects(
        creator=np.arange(count),
        wave=same,
        category=same,
        country=same,
        goal=same + 200_000,
        duration_band=same,
        launched_at=same + START,
        deadline_at=same + START + length,
        milestone_count=same + 3,
        strategy=same,
    )


@pytest.mark.parametrize("length", [HOUR, DAY, 6 * DAY, 92 * DAY])
def test_a_campaign_of_any_length_runs(length: int) -> None:
    count = 400
    projects = projects_of(length, count)
    demand = make_demand(
        CONFIG,
        projects,
        np.arange(count),
        np.full(count, 1.2),
        500,
        pledge_rhythm(),
        np.random.default_rng(1),
    )
    assert (np.diff(demand.edges, axis=0) > 0).all()
    assert (demand.edges[0] == START).all()
    assert (demand.edges[-1] == START + length).all()
    for part in (demand.base_share, demand.burst_share, demand.swing, demand.expected):
        assert np.isfinite(part).all()
        assert (part >= 0).all()
    outcome, pledges = simulate_all_steps(
        CONFIG, demand, projects.goal, 500, np.random.default_rng(2)
    )
    assert (pledges.amount > 0).all()
    # However short, an appealing campaign succeeds as often.
    assert 0.5 < (outcome.raised >= projects.goal).mean() < 0.95


def test_the_cap_of_pledges_rises_with_the_platform() -> None:
    caps = [pledge_cap(SimulationConfig(scale=scale)) for scale in (1, 2, 10, 100, 10_000)]
    assert caps[:2] == [150, 300]
    assert caps == sorted(caps)
    assert caps[-2:] == [CONFIG.cap_pledges] * 2
