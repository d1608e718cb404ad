"""True risk of milestones: the delivery of each started one is simulated many times."""

from dataclasses import dataclass

import numpy as np

from generator import catalogue
from generator.arrays import DAY, Bools, Floats, Ints
from generator.config import SimulationConfig
from generator.delivery import NOT_KNOWN, Delivery, attempt
from generator.world import Block, micros

RISK_DAYS = 14
# Votes simulated at once: bounds the memory to some 100 MB.
MAX_VOTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Risks:
    """One element per milestone that started within the recorded time.

    Attributes:
        milestone: Position in the block's plan.
        started_at: Project funded, or the milestone before approved; microseconds since 1970.
        probability: Chance of high risk given all latents, as the start finds them.
        is_high_risk: The outcome, uncensored.
    """

    milestone: Ints
    started_at: Ints
    probability: Floats
    is_high_risk: Bools


def is_risky(delivery: Delivery, due_at: Ints) -> Bools:
    """Returns which milestones were not approved by two weeks after the due date."""
    is_safe: Bools = delivery.is_approved & (delivery.resolved_at <= due_at + RISK_DAYS * DAY)
    return ~is_safe


def milestone_risks(
    config: SimulationConfig,
    block: Block,
    is_sampled: Bools,
    repetitions: int,
    rng: np.random.Generator,
) -> Risks:
    """Delivers the started milestones of the sampled projects `repetitions` times from the start.

    Drawn anew are slips, losses, votes, decisions and rework; given are skill, trouble, release
    strategy, the plan, and who may vote.
    """
    row, started_at = _started(config, block, is_sampled)
    risky = np.empty((len(row), repetitions))
    for rows in _chunks(block, row, repetitions):
        done = _delivered(config, block, row[rows], started_at[rows], repetitions, None, rng)
        due_at = np.repeat(block.plan.due_at[row[rows]], repetitions)
        risky[rows] = is_risky(done, due_at).reshape(len(rows), repetitions)
    return Risks(
        milestone=row,
        started_at=started_at,
        probability=risky.mean(axis=1) if len(row) else np.zeros(0),
        is_high_risk=is_risky(block.delivery, block.plan.due_at)[row],
    )


def strategy_risks(
    config: SimulationConfig,
    block: Block,
    is_sampled: Bools,
    repetitions: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Delivers all started first milestones under each strategy.

    Returns:
        Share of high risk, and mean days from due date to submission (NaN where never submitted),
        both of shape (strategies, milestones).
    """
    row, started_at = _started(config, block, is_sampled)
    is_first = block.plan.number[row] == 1
    row, started_at = row[is_first], started_at[is_first]
    strategies = len(catalogue.STRATEGIES)
    risk, late = np.zeros((strategies, len(row))), np.zeros((strategies, len(row)))
    seed = int(rng.integers(0, 2**63))
    for strategy in range(strategies):
        # The same random numbers for all strategies: differences are their effect.
        again = np.random.Generator(np.random.SFC64(seed))
        for rows in _chunks(block, row, repetitions):
            done = _delivered(
                config, block, row[rows], started_at[rows], repetitions, strategy, again
            )
            due_at = np.repeat(block.plan.due_at[row[rows]], repetitions)
            is_given = done.submitted_at < NOT_KNOWN
            days = np.where(is_given, (done.submitted_at - due_at) / DAY, 0.0)
            risk[strategy, rows] = is_risky(done, due_at).reshape(len(rows), -1).mean(axis=1)
            given = is_given.reshape(len(rows), -1).sum(axis=1)
            total = days.reshape(len(rows), -1).sum(axis=1)
            late[strategy, rows] = np.where(given > 0, total / np.maximum(given, 1), np.nan)
    return risk, late


def _started(config: SimulationConfig, block: Block, is_sampled: Bools) -> tuple[Ints, Ints]:
    """Returns the milestones that started by the end of recording, and when."""
    plan, delivery, projects = block.plan, block.delivery, block.projects
    _, ends_at = micros(config)
    is_funded = block.campaigns.is_funded & is_sampled
    is_passed = delivery.is_approved & (delivery.resolved_at < NOT_KNOWN)
    before = np.roll(np.where(is_passed, delivery.resolved_at, NOT_KNOWN), 1)
    started_at = np.where(plan.number == 1, projects.deadline_at[plan.project], before)
    row = np.flatnonzero(is_funded[plan.project] & (started_at < ends_at))
    return row, started_at[row]


def _chunks(block: Block, row: Ints, repetitions: int) -> list[Ints]:
    """Splits milestones so that the voters of one part stay below a bound."""
    if not len(row):
        return []
    crowd = np.bincount(block.pledges.project, minlength=len(block.projects.goal))
    voters = np.cumsum(crowd[block.plan.project[row]] + 1) * repetitions
    part = voters // MAX_VOTERS
    cuts = np.flatnonzero(np.diff(part)) + 1
    return np.split(np.arange(len(row)), cuts)


def _delivered(
    config: SimulationConfig,
    block: Block,
    row: Ints,
    started_at: Ints,
    times: int,
    strategy: int | None,
    rng: np.random.Generator,
) -> Delivery:
    repeated = np.repeat(row, times)
    project = block.plan.project[repeated]
    given = block.projects.strategy[project]
    done, _ = attempt(
        config,
        block.plan,
        repeated,
        starts_at=np.repeat(started_at, times),
        skill=block.skill[project],
        trouble=block.trouble[project],
        strategy=given if strategy is None else np.full(len(project), strategy),
        supporters=block.supporters,
        engagement=block.backers.engagement,
        rng=rng,
    )
    return done
