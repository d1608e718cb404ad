"""What the simulation claims to contain is in the data; switched off, it is gone."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from generator import highlighting
from generator.arrays import DAY, HOUR, Bools, Floats, Ints
from generator.campaigns import NOT_CANCELLED
from generator.config import SimulationConfig
from generator.delivery import NOT_KNOWN
from generator.demand import static_score
from generator.experiment import NO_PLEDGE
from generator.world import Block, micros, simulate
from tests.generator.measured import Sample

CONFIG = SimulationConfig(scale=25, seed=2024)
END = micros(CONFIG)[1]
# Standard errors on either side of an estimate within which the truth lies 99 times in 100.
NINETY_NINE = 2.58
# The same where the error itself is estimated from six worlds (Student's t).
NINETY_NINE_OF_SIX = 4.03


def fresh_world(**changes: float) -> Block:
    (block,) = simulate(replace(CONFIG, **changes))  # type: ignore[arg-type]
    return block


world = cache(fresh_world)


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


def lift_and_error(blocks: list[Block]) -> tuple[float, float]:
    """Estimates as an analyst of the exposures would, whose unit is the backer.

    Returns:
        Relative lift of pledges per look, treated against control, and its standard error.
    """
    looks, gains, treated = (
        np.concatenate([part[number] for part in map(per_backer, blocks)]) for number in range(3)
    )
    log_rate, variance = [], 0.0
    for arm in (False, True):
        look, gain = looks[treated == arm], gains[treated == arm]
        rate = gain.sum() / look.sum()
        spread = (gain - rate * look) / look.mean() / rate
        log_rate.append(np.log(rate))
        variance += spread.var() / len(look)
    lift = float(np.exp(log_rate[1] - log_rate[0]) - 1)
    return lift, float(np.sqrt(variance)) * (1 + lift)


def per_backer(block: Block) -> tuple[Ints, Ints, Bools]:
    """Looks, pledges that came of them, and the arm of each backer."""
    exposures, treated = block.exposures, block.backers.is_treated
    looks = np.bincount(exposures.backer, minlength=len(treated))
    gains = np.bincount(exposures.backer[exposures.pledge != NO_PLEDGE], minlength=len(treated))
    return looks, gains, treated


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
    # One world's area has a standard error of 0.02: only several together can tell.
    areas = [
        history_auc(
            fresh_world(
                seed=seed,
                exposures_per_scale=0,
                skill_weight=0.0,
                success_weight=0.0,
                failure_weight=0.0,
                category_kept_share=0.0,
                goal_creator_share=0.0,
                static_weight=0.0,
            )
        )
        for seed in range(5)
    ]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.025)


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


@cache
def steady_launches() -> tuple[Floats, Bools, Ints, Bools, Ints]:
    """Launches of eight worlds: part of the span, first ones, outcomes known, success, creator."""
    parts = []
    for seed in range(8):
        block = fresh_world(scale=10, seed=seed, exposures_per_scale=0)
        projects, (begin, end) = block.projects, micros(CONFIG)
        launches, known, _ = Sample(block).history
        parts.append(
            (
                (projects.launched_at - begin) / (end - begin),
                launches == 0,
                known,
                block.campaigns.is_funded,
                projects.creator + 10_000 * seed,
            )
        )
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


@pytest.mark.parametrize("is_only_first", [True, False])
def test_success_stays_level_over_the_years(is_only_first: bool) -> None:
    elapsed, is_first, _, is_funded, creator = steady_launches()
    rows = is_first | (not is_only_first)
    place = elapsed[rows] - elapsed[rows].mean()
    slope = (place * is_funded[rows]).sum() / (place**2).sum()
    rest = is_funded[rows] - is_funded[rows].mean() - slope * place
    # One creator's campaigns are alike: the error is that of sums by creator.
    error = np.sqrt((np.bincount(creator[rows], place * rest) ** 2).sum()) / (place**2).sum()
    assert error < 0.03
    assert abs(slope) < NINETY_NINE * error


def test_veterans_succeed_as_often_as_beginners() -> None:
    """Or success would move with the age of the platform, whose creators gather histories."""
    _, _, known, is_funded, _ = steady_launches()
    beginners = is_funded[known == 0].mean()
    for low, high in ((1, 1), (2, 3), (4, 11)):
        found = is_funded[(low <= known) & (known <= high)].mean()
        assert found == pytest.approx(beginners, abs=0.04)


@pytest.mark.parametrize("lift", [0.0, 0.15, 1.0])
def test_an_ideal_analysis_finds_the_configured_lift(lift: float) -> None:
    # The smallest worlds show the most of what could dilute it: backers drawn twice, crowded caps.
    blocks = [
        block
        for seed in range(8)
        for block in simulate(replace(CONFIG, scale=10, seed=seed, highlight_lift=lift))
    ]
    estimate, error = lift_and_error(blocks)
    assert error < 0.014 * (1 + lift)
    assert abs(estimate - lift) < NINETY_NINE * error


def test_campaigns_that_ended_before_the_experiment_know_nothing_of_it() -> None:
    plain, strong = world(highlight_lift=0.0), world(highlight_lift=1.0)
    begins_at = plain.highlighting.begins_at
    before = plain.pledges.pledged_at < begins_at
    count = before.sum()
    for name in ("project", "backer", "amount", "pledged_at"):
        assert (getattr(plain.pledges, name)[before] == getattr(strong.pledges, name)[:count]).all()
    is_over = plain.projects.deadline_at < begins_at
    assert (plain.campaigns.raised == strong.campaigns.raised)[is_over].all()
    assert (plain.campaigns.raised != strong.campaigns.raised)[~is_over].any()


def test_highlighted_projects_gain_what_others_lose_in_part() -> None:
    plain, strong = (window_pledges(world(highlight_lift=lift)) for lift in (0.0, 1.0))
    is_highlighted = world(highlight_lift=0.0).highlighting.is_highlighted
    # The largest campaigns are at the cap, with highlights and without.
    is_small = plain < 150
    for is_kind, least, most in ((is_highlighted, 1.15, 1.7), (~is_highlighted, 0.7, 0.95)):
        rows = is_kind & is_small
        assert least < strong[rows].sum() / plain[rows].sum() < most


def window_pledges(block: Block) -> Ints:
    """Pledges per project while the experiment runs."""
    is_running = block.pledges.pledged_at >= block.highlighting.begins_at
    return np.bincount(block.pledges.project[is_running], minlength=len(block.projects.goal))


def test_only_highlighted_places_are_logged_and_some_highlights_fail() -> None:
    block = world()
    exposures = block.exposures
    assert block.highlighting.is_highlighted[exposures.project].all()
    is_treated = block.backers.is_treated[exposures.backer]
    assert not exposures.is_shown[~is_treated].any()
    assert exposures.is_shown[is_treated].mean() == pytest.approx(0.9, abs=0.01)


def test_nobody_of_the_control_was_shown_anything_whoever_is_drawn_at_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(highlighting, "MAX_ROUNDS", 1)
    block = fresh_world(scale=2)
    is_treated = block.backers.is_treated[block.pledges.backer]
    assert block.pledges.is_shown[is_treated].any()
    assert not block.pledges.is_shown[~is_treated].any()


def test_one_look_in_twenty_leads_to_a_pledge() -> None:
    exposures = world().exposures
    assert (exposures.pledge != NO_PLEDGE).mean() == pytest.approx(0.05, abs=0.015)


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


@pytest.mark.parametrize("skill_weight", [0.0, CONFIG.skill_weight])
@pytest.mark.parametrize("success_weight", [0.0, CONFIG.success_weight])
def test_scores_follow_skill_and_learning_as_configured(
    skill_weight: float, success_weight: float
) -> None:
    block = world(skill_weight=skill_weight, success_weight=success_weight, failure_weight=0.0)
    projects, score = block.projects, block.campaigns.score
    _, known, successes = Sample(block).history
    learned = np.minimum(successes, 4) ** 0.35
    design = np.column_stack(
        [
            np.ones(len(learned)),
            block.creators.skill[projects.creator],
            learned,
            static_score(CONFIG, projects),
            np.log(np.maximum(known, 1)),
        ]
    )
    inverse = np.linalg.inv(design.T @ design)
    slope = inverse @ design.T @ score
    error = np.sqrt(np.diag(inverse) * (score - design @ slope).var())
    expected = [skill_weight, success_weight, CONFIG.static_weight, -CONFIG.history_growth]
    assert error[1:4].max() < 0.03
    assert (np.abs(slope[1:] - expected) < NINETY_NINE * error[1:]).all()


def taste(block: Block) -> float:
    """Estimates exp(taste_sd ** 2) from pairs of pledges of one backer, for different projects.

    With log-normal tastes, pairs within a category are that many times as frequent, against
    chance, as pairs across categories.
    """
    pledges, backers = block.pledges, len(block.backers.able_at)
    category = block.projects.category[pledges.project]
    kinds = int(category.max()) + 1
    by_project = np.unique(pledges.project * backers + pledges.backer, return_counts=True)
    same_project = np.bincount(by_project[0] % backers, by_project[1] ** 2, backers)
    cells = np.bincount(pledges.backer * kinds + category, minlength=backers * kinds)
    cells = cells.reshape(backers, kinds).astype(np.float64)
    total, squares = cells.sum(axis=1), (cells**2).sum(axis=1)
    within, across = squares - same_project, total**2 - squares
    everyone = cells.sum(axis=0)
    projects = np.bincount(pledges.project).astype(np.float64)
    chance = ((everyone**2).sum() - (projects**2).sum()) / (
        everyone.sum() ** 2 - (everyone**2).sum()
    )
    return float(within.sum() / across.sum() / chance)


@pytest.mark.parametrize("taste_sd", [0.0, 0.3, 0.6])
def test_backers_have_the_configured_tastes(taste_sd: float) -> None:
    # Equally active backers and small crowds: hardly anybody is drawn twice for a project.
    # The error is that between worlds: one world's backers do not show the chance of its projects.
    estimates = [
        taste(
            fresh_world(
                seed=seed,
                exposures_per_scale=0,
                taste_sd=taste_sd,
                activity_shape=100.0,
                cap_pledges=50,
            )
        )
        for seed in range(6)
    ]
    error = np.std(estimates, ddof=1) / np.sqrt(len(estimates))
    assert error < 0.02
    assert abs(np.mean(estimates) - np.exp(taste_sd**2)) < NINETY_NINE_OF_SIX * error


def test_most_backers_come_back_and_some_come_once() -> None:
    counts = np.bincount(world().pledges.backer, minlength=len(world().backers.able_at))
    assert (counts > 1).mean() > 0.5
    assert 0.02 < (counts <= 1).mean() < 0.5


def test_pledging_again_for_a_project_is_rare() -> None:
    block = world()
    pair = block.pledges.project * len(block.backers.able_at) + block.pledges.backer
    assert 0.0 < 1 - len(np.unique(pair)) / len(pair) < 0.05
