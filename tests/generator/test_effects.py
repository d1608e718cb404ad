"""What the simulation claims to contain is in the data; switched off, it is gone."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from generator.arrays import DAY, HOUR, Bools, Floats
from generator.campaigns import NOT_CANCELLED
from generator.catalogue import STRATEGIES
from generator.config import SimulationConfig
from generator.delivery import NOT_KNOWN
from generator.experiment import NO_PLEDGE
from generator.world import Block, micros, simulate

CONFIG = SimulationConfig(scale=25, seed=2024)
END = micros(CONFIG)[1]


@cache
def world(**changes: float) -> Block:
    (block,) = simulate(replace(CONFIG, **changes))  # type: ignore[arg-type]
    return block


def ended(block: Block) -> Bools:
    is_kept: Bools = block.campaigns.cancelled_at == NOT_CANCELLED
    return is_kept & (block.projects.deadline_at < END)


def rank_auc(score: Floats, is_positive: Bools) -> float:
    """Chance that a positive scores above a negative; ties count half."""
    _, position, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[position]
    positives = is_positive.sum()
    excess = rank[is_positive].sum() - positives * (positives + 1) / 2
    return float(excess / (positives * (~is_positive).sum()))


def lift_and_error(block: Block) -> tuple[float, float]:
    """Estimates the relative lift of conversion, with its standard error over backers."""
    exposures, treated = block.exposures, block.backers.is_treated
    looks = np.bincount(exposures.backer, minlength=len(treated))
    gains = np.bincount(exposures.backer[exposures.pledge != NO_PLEDGE], minlength=len(treated))
    log_rate, variance = [], 0.0
    for arm in (False, True):
        look, gain = looks[treated == arm], gains[treated == arm]
        rate = gain.sum() / look.sum()
        spread = (gain - rate * look) / look.mean() / rate
        log_rate.append(np.log(rate))
        variance += spread.var() / len(look)
    lift = float(np.exp(log_rate[1] - log_rate[0]) - 1)
    return lift, float(np.sqrt(variance)) * (1 + lift)


def test_success_follows_from_pledges_alone() -> None:
    block = world()
    raised = np.bincount(
        block.pledges.project, block.pledges.amount, len(block.projects.goal)
    ).astype(np.int64)
    over = ended(block)
    assert (raised[over] == block.campaigns.raised[over]).all()
    assert (block.campaigns.is_funded[over] == (raised >= block.projects.goal)[over]).all()


def test_about_two_fifths_succeed_and_a_tenth_gives_up() -> None:
    block = world()
    assert block.campaigns.is_funded[ended(block)].mean() == pytest.approx(0.40, abs=0.03)
    cancelled = (block.campaigns.cancelled_at < END).mean()
    assert cancelled == pytest.approx(0.10, abs=0.025)


def test_able_creators_succeed_more_often() -> None:
    block, over = world(), ended(world())
    skill = block.creators.skill[block.projects.creator]
    funded = block.campaigns.is_funded
    able, other = funded[over & (skill > 0.7)].mean(), funded[over & (skill < -0.7)].mean()
    assert able - other > 0.12


def test_without_skill_and_learning_history_tells_nothing() -> None:
    assert history_auc(world()) > 0.57
    flat = world(
        skill_weight=0.0,
        success_weight=0.0,
        failure_weight=0.0,
        category_kept_share=0.0,
        goal_creator_share=0.0,
        static_weight=0.0,
    )
    assert history_auc(flat) == pytest.approx(0.5, abs=0.035)


def history_auc(block: Block) -> float:
    """How well the outcome of the first project ranks that of the second one."""
    over = ended(block)
    first, second = (np.flatnonzero(block.projects.wave == wave) for wave in (0, 1))
    before = np.zeros(len(block.creators.skill))
    before[block.projects.creator[first]] = block.campaigns.is_funded[first]
    second = second[over[second]]
    return rank_auc(before[block.projects.creator[second]], block.campaigns.is_funded[second])


@pytest.mark.parametrize(("hours", "least"), [(4, 0.60), (36, 0.78), (144, 0.88)])
def test_early_pledges_inform_more_the_longer_one_waits(hours: int, least: float) -> None:
    block, over = world(), ended(world())
    pledges, projects = block.pledges, block.projects
    is_early = pledges.pledged_at < projects.launched_at[pledges.project] + hours * HOUR
    early = np.bincount(pledges.project[is_early], pledges.amount[is_early], len(projects.goal))
    auc = rank_auc((early / projects.goal)[over], block.campaigns.is_funded[over])
    assert least < auc < 0.97


def test_money_comes_first_and_last() -> None:
    block = world()
    funded = (ended(block) & block.campaigns.is_funded)[block.pledges.project]
    project = block.pledges.project[funded]
    begin, end = block.projects.launched_at[project], block.projects.deadline_at[project]
    tenth = ((block.pledges.pledged_at[funded] - begin) * 10 // (end - begin)).astype(int)
    share = block.pledges.amount[funded] / block.campaigns.raised[project]
    tenths = np.bincount(tenth, share) / share.sum()
    assert tenths[0] == pytest.approx(0.24, abs=0.03)
    assert tenths[9] == pytest.approx(0.27, abs=0.03)
    assert tenths[2:7].max() < 0.07


def test_outcomes_are_all_or_nothing() -> None:
    block, over = world(), ended(world())
    ratio = block.campaigns.raised[over] / block.projects.goal[over]
    assert ((ratio > 0.2) & (ratio < 1)).mean() < 0.13
    assert np.median(ratio[ratio < 1]) < 0.04


def test_success_does_not_rise_over_the_years() -> None:
    block, over = world(), ended(world())
    late = block.projects.place_in_time > 0.5
    funded = block.campaigns.is_funded
    assert abs(funded[over & late].mean() - funded[over & ~late].mean()) < 0.04


@pytest.mark.parametrize("lift", [0.0, 0.15, 1.0])
def test_the_experiment_has_the_configured_lift(lift: float) -> None:
    estimate, error = lift_and_error(world(highlight_lift=lift))
    assert error < 0.1
    assert abs(estimate - lift) < 1.96 * error


def test_the_experiment_moves_backers_not_campaigns() -> None:
    plain, strong = world(highlight_lift=0.0), world(highlight_lift=1.0)
    assert (plain.campaigns.raised == strong.campaigns.raised).all()
    assert (plain.pledges.pledged_at == strong.pledges.pledged_at).all()
    assert (plain.pledges.backer != strong.pledges.backer).any()


def test_one_look_in_twenty_leads_to_a_pledge() -> None:
    exposures = world().exposures
    assert (exposures.pledge != NO_PLEDGE).mean() == pytest.approx(0.05, abs=0.015)


def slip_gap(block: Block) -> tuple[float, float]:
    """Compares lateness of front-loaded with equal tranches: difference and standard error."""
    is_given = (block.delivery.submitted_at < NOT_KNOWN) & (block.plan.number == 1)
    late = np.where(is_given, block.delivery.submitted_at - block.plan.due_at, 0) / DAY
    strategy = block.projects.strategy[block.plan.project]
    means, variance = [], 0.0
    for name in ("front_loaded", "equal_tranches"):
        days = late[is_given & (strategy == STRATEGIES.index(name))]
        means.append(days.mean())
        variance += days.var() / len(days)
    return float(means[0] - means[1]), float(np.sqrt(variance))


def test_release_strategies_change_delivery_by_what_is_configured() -> None:
    gap, error = slip_gap(world(strategy_slips=(0.0, 1.0, 0.0, 0.0)))  # type: ignore[arg-type]
    assert gap > 4 * error
    gap, error = slip_gap(world(strategy_slips=(0.0, 0.0, 0.0, 0.0)))  # type: ignore[arg-type]
    assert abs(gap) < 1.96 * error


def test_votes_follow_skill_and_decide() -> None:
    block = world()
    milestone = block.votes.milestone
    skill = block.creators.skill[block.projects.creator[block.plan.project]]
    approvals = block.votes.is_approval
    assert rank_auc(skill[milestone], approvals) > 0.58
    cast = np.bincount(milestone, minlength=len(skill))
    ratio = np.bincount(milestone, approvals, len(skill)) / np.maximum(cast, 1)
    resolved = (block.delivery.resolved_at < NOT_KNOWN) & (cast > 4)
    assert rank_auc(ratio[resolved], block.delivery.is_approved[resolved]) > 0.8


def test_milestones_are_at_risk_late_or_never_delivered() -> None:
    block = world()
    plan, delivery = block.plan, block.delivery
    is_first = plan.number == 1
    is_started = (
        is_first & (block.campaigns.is_funded & (block.projects.deadline_at < END))[plan.project]
    )
    is_safe = delivery.is_approved & (delivery.resolved_at <= plan.due_at + 14 * DAY)
    assert 0.3 < (~is_safe)[is_started].mean() < 0.5
    assert 0.01 < (delivery.submitted_at == NOT_KNOWN)[is_started].mean() < 0.08


def test_most_backers_come_back_and_some_come_once() -> None:
    counts = np.bincount(world().pledges.backer, minlength=len(world().backers.able_at))
    assert (counts > 1).mean() > 0.5
    assert 0.02 < (counts <= 1).mean() < 0.5


def test_pledging_again_for_a_project_is_rare() -> None:
    block = world()
    pair = block.pledges.project * len(block.backers.able_at) + block.pledges.backer
    assert 0.0 < 1 - len(np.unique(pair)) / len(pair) < 0.05
