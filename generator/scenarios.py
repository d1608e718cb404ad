"""Worlds that change: at a known timestamp, before which they are the steady one, or by tide."""

from dataclasses import dataclass, replace

import numpy as np

from generator.arrays import DAY, HOUR, SECOND, Bools, Floats, Ints
from generator.catalogue import CATEGORIES, NEW_CATEGORY
from generator.config import SimulationConfig
from generator.demand import Demand
from generator.launches import Projects
from generator.people import Backers

TOKEN_CENTS = 100
BURST_HOURS = 6


@dataclass(frozen=True, slots=True)
class BotPledges:
    """Pledges by machine; one element per pledge of a block."""

    project: Ints
    backer: Ints
    amount: Ints
    pledged_at: Ints


def begins_at(config: SimulationConfig) -> int:
    """Returns when the scenario begins, or would begin, in microseconds since 1970."""
    if config.scenario == "tide":
        return int(config.starts_at.timestamp()) * 1_000_000
    return int(config.ends_at.timestamp()) * 1_000_000 - int(config.scenario_days * DAY)


def is_drifted(config: SimulationConfig, projects: Projects) -> Bools:
    """Returns which projects are launched once the scenario has begun; none in a steady world."""
    is_late: Bools = projects.launched_at >= begins_at(config)
    return is_late & (config.scenario != "steady")


def recategorised(
    config: SimulationConfig, projects: Projects, rng: np.random.Generator
) -> Projects:
    """Moves a share of late launches to a category nobody has seen before."""
    if config.scenario != "new_category":
        return projects
    moves = rng.random(len(projects.goal)) < config.new_category_share
    new = [category.name for category in CATEGORIES].index(NEW_CATEGORY)
    is_new = moves & is_drifted(config, projects)
    return replace(projects, category=np.where(is_new, new, projects.category))


def delivering_skill(config: SimulationConfig, projects: Projects, skill: Floats) -> Floats:
    """Returns the skill, shape (projects,), that a project is run with, given its creator's."""
    if config.scenario != "quality_drop":
        return skill
    return skill - config.quality_drop * is_drifted(config, projects)


def level_shift(config: SimulationConfig, projects: Projects) -> Floats:
    """Returns what the platform's level at launch adds to each project's score.

    A tide falls from its first level to the lowest and rises to the last one, each along half a
    cosine wave: it is level at the beginning, at the turn and at the end.
    """
    if config.scenario != "tide":
        return np.zeros(len(projects.goal))
    begins_at, ends_at = config.starts_at.timestamp(), config.ends_at.timestamp()
    elapsed = (projects.launched_at / SECOND - begins_at) / (ends_at - begins_at)
    turn = config.tide_turn
    is_falling = elapsed < turn
    outer = np.where(is_falling, config.tide_first, config.tide_last)
    inward = np.where(is_falling, elapsed / turn, (1 - elapsed) / (1 - turn))
    shift: Floats = outer + (config.tide_lowest - outer) * (1 - np.cos(np.pi * inward)) / 2
    return shift


def repriced(config: SimulationConfig, demand: Demand, is_late: Bools) -> Demand:
    """Makes pledges larger and fewer: the same money at other prices."""
    if config.scenario != "price_shift":
        return demand
    shift = np.where(is_late, config.price_shift, 1.0)
    tokens = demand.token_share * TOKEN_CENTS
    typical = tokens + (demand.typical - tokens) * shift
    return replace(
        demand,
        typical=typical,
        log_median=demand.log_median + np.log(shift),
        expected=demand.expected * demand.typical / typical,
        friends=demand.friends * demand.typical / typical,
    )


def bot_accounts(config: SimulationConfig, backers: Backers, rng: np.random.Generator) -> Ints:
    """Draws the hijacked accounts among those who are there when the scenario begins."""
    able = max(1, int(np.searchsorted(backers.able_at, begins_at(config))))
    return rng.integers(0, able, max(1, round(config.bot_account_share * able)))


def bot_pledges(
    config: SimulationConfig,
    projects: Projects,
    rows: Ints,
    *,
    accounts: Ints,
    room: Ints,
    cancelled_at: Ints,
    rng: np.random.Generator,
) -> BotPledges:
    """Floods some late campaigns with the smallest of pledges.

    Args:
        config: The world's parameters.
        projects: Projects of the block.
        rows: Those of them that may be flooded, n of them.
        accounts: Backers whose accounts are used.
        room: Pledges that each may still get, shape (n,).
        cancelled_at: When each was cancelled, shape (n,).
        rng: Stream of the scenario.
    """
    count = len(rows)
    is_hit = is_drifted(config, projects)[rows] & (rng.random(count) < config.bot_share)
    is_hit &= config.scenario == "bot_pledges"
    size = np.where(is_hit, np.minimum(rng.poisson(config.bot_pledges, count), room), 0)
    campaign = np.repeat(np.arange(count), size)
    launched_at, deadline_at = projects.launched_at[rows], projects.deadline_at[rows]
    burst_at = launched_at + (rng.random(count) * 0.5 * (deadline_at - launched_at)).astype(
        np.int64
    )
    wait = (rng.random(len(campaign)) * BURST_HOURS * HOUR).astype(np.int64)
    pledged_at = burst_at[campaign] + wait
    in_time = pledged_at < np.minimum(deadline_at, cancelled_at)[campaign]
    campaign, pledged_at = campaign[in_time], pledged_at[in_time]
    return BotPledges(
        project=rows[campaign],
        backer=accounts[rng.integers(0, len(accounts), len(campaign))],
        amount=np.full(len(campaign), TOKEN_CENTS),
        pledged_at=pledged_at,
    )
