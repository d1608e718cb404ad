"""Milestones of funded projects: delivered early, late or never, voted upon, reworked."""

from dataclasses import dataclass

import numpy as np

from generator.arrays import DAY, Bools, Floats, Ints, ascending, logistic, members
from generator.config import SimulationConfig
from generator.launches import Projects
from generator.plans import Plan

NOT_KNOWN = np.iinfo(np.int64).max
# A milestone that was not approved this long after its due date is refunded, whatever comes then.
REFUND_DAYS = 180
REVIEW_SHAPE = 0.6
REWORK_SHAPE = 2.0
TYPICAL_SUPPORT = 60


@dataclass(frozen=True, slots=True)
class Votes:
    """One element per vote: position of milestone and backer, opinion and timestamp."""

    milestone: Ints
    backer: Ints
    is_approval: Bools
    voted_at: Ints


@dataclass(frozen=True, slots=True)
class Delivery:
    """Outcome of each planned milestone, uncensored.

    Attributes:
        submitted_at: Microseconds since 1970, or NOT_KNOWN.
        resolved_at: Microseconds since 1970, or NOT_KNOWN.
        is_approved: Meaningful where resolved.
    """

    submitted_at: Ints
    resolved_at: Ints
    is_approved: Bools


@dataclass(frozen=True, slots=True)
class Supporters:
    """Who backed each project: `sizes[p]` elements of `backer` from position `starts[p]` on."""

    backer: Ints
    starts: Ints
    sizes: Ints


def make_supporters(
    project: Ints, backer: Ints, project_count: int, backer_count: int
) -> Supporters:
    """Lists the distinct backers of each project."""
    pair = project * backer_count + backer
    pair = pair[ascending(pair)]
    pair = pair[np.diff(pair, prepend=-1) > 0]
    sizes = np.bincount(pair // backer_count, minlength=project_count)
    return Supporters(backer=pair % backer_count, starts=np.cumsum(sizes) - sizes, sizes=sizes)


def deliver(
    config: SimulationConfig,
    projects: Projects,
    plan: Plan,
    *,
    skill: Floats,
    trouble: Floats,
    is_funded: Bools,
    supporters: Supporters,
    engagement: Floats,
    rng: np.random.Generator,
) -> tuple[Delivery, Votes]:
    """Simulates the milestones of funded projects in order; each waits for the one before.

    Args:
        config: The world's parameters.
        projects: Projects of the block.
        plan: Their milestones.
        skill: Skill of each project's creator, shape (projects,).
        trouble: Latent trouble of each project, standard normal, shape (projects,).
        is_funded: Reached the goal by the deadline, shape (projects,).
        supporters: Who may vote.
        engagement: Inclination to vote, shape (backers,).
        rng: Stream of delivery and votes.
    """
    count = len(plan.project)
    delivery = Delivery(
        submitted_at=np.full(count, NOT_KNOWN),
        resolved_at=np.full(count, NOT_KNOWN),
        is_approved=np.zeros(count, dtype=np.bool_),
    )
    starts_at = np.where(is_funded, projects.deadline_at, NOT_KNOWN)
    votes: list[Votes] = []
    for number in range(1, int(projects.milestone_count.max()) + 1):
        row = np.flatnonzero((plan.number == number) & (starts_at[plan.project] < NOT_KNOWN))
        project = plan.project[row]
        done, cast = attempt(
            config,
            plan,
            row,
            starts_at=starts_at[project],
            skill=skill[project],
            trouble=trouble[project],
            strategy=projects.strategy[project],
            supporters=supporters,
            engagement=engagement,
            rng=rng,
        )
        delivery.submitted_at[row] = done.submitted_at
        delivery.resolved_at[row] = done.resolved_at
        delivery.is_approved[row] = done.is_approved
        goes_on = done.is_approved & (done.resolved_at < NOT_KNOWN)
        starts_at = np.full(len(projects.goal), NOT_KNOWN)
        starts_at[project[goes_on]] = done.resolved_at[goes_on]
        votes.append(cast)
    return delivery, Votes(
        *(np.concatenate([getattr(cast, name) for cast in votes]) for name in Votes.__slots__)
    )


def attempt(
    config: SimulationConfig,
    plan: Plan,
    row: Ints,
    *,
    starts_at: Ints,
    skill: Floats,
    trouble: Floats,
    strategy: Ints,
    supporters: Supporters,
    engagement: Floats,
    rng: np.random.Generator,
) -> tuple[Delivery, Votes]:
    """Simulates milestones `row`, n of them, from their start; one may be listed repeatedly.

    Args:
        config: The world's parameters.
        plan: Milestones of the block.
        row: Positions in the plan.
        starts_at: When the work begins, shape (n,).
        skill: Skill that the project is run with, shape (n,).
        trouble: Latent trouble of the project, shape (n,).
        strategy: Position of the release strategy, shape (n,).
        supporters: Who may vote.
        engagement: Inclination to vote, shape (backers,).
        rng: Stream of delivery and votes.

    Returns:
        Their outcomes, shape (n,), and the votes.
    """
    submitted_at = _submitted(config, plan, row, starts_at, skill, trouble, strategy, rng)
    given = np.flatnonzero(submitted_at < NOT_KNOWN)
    late = submitted_at[given] - plan.due_at[row[given]]
    log_odds = _approval(config, skill[given], trouble[given], late, rng)
    resolved, is_approved, cast = _voted(
        config, plan, row[given], submitted_at[given], log_odds, supporters, engagement, rng
    )
    done = Delivery(
        submitted_at=submitted_at,
        resolved_at=np.full(len(row), NOT_KNOWN),
        is_approved=np.zeros(len(row), dtype=np.bool_),
    )
    done.resolved_at[given] = resolved
    done.is_approved[given] = is_approved
    return done, cast


def _submitted(
    config: SimulationConfig,
    plan: Plan,
    row: Ints,
    starts_at: Ints,
    skill: Floats,
    trouble: Floats,
    strategy: Ints,
    rng: np.random.Generator,
) -> Ints:
    """Returns when milestones are handed in: near the due date, later if the work began late."""
    slip = (
        config.slip_level
        - config.slip_skill * skill
        + config.slip_project * trouble
        + np.array(config.strategy_slips)[strategy]
        + rng.standard_normal(len(row))
    ) * config.slip_days
    days = np.where(slip > 0, 0.75 * np.maximum(slip, 0) ** 1.25, 0.6 * slip)
    ready_at = np.maximum(
        plan.due_at[row], starts_at + (config.crunch * plan.planned[row]).astype(np.int64)
    )
    submitted = np.maximum(ready_at + (days * DAY).astype(np.int64), starts_at + DAY)
    never = config.never_share * np.exp(0.8 * (trouble - skill) - 0.64)
    is_lost = (rng.random(len(row)) < never) | (submitted >= plan.due_at[row] + REFUND_DAYS * DAY)
    return np.where(is_lost, NOT_KNOWN, submitted)


def _approval(
    config: SimulationConfig, skill: Floats, trouble: Floats, late: Ints, rng: np.random.Generator
) -> Floats:
    """Returns the log odds that a voter approves: quality of the creator, the project, lateness."""
    return (
        config.approval_level
        + config.approval_skill * skill
        - config.approval_project * trouble
        + rng.standard_normal(len(skill))
        - config.approval_late * np.maximum(late / DAY, 0)
    )


def _voted(
    config: SimulationConfig,
    plan: Plan,
    row: Ints,
    submitted_at: Ints,
    log_odds: Floats,
    supporters: Supporters,
    engagement: Floats,
    rng: np.random.Generator,
) -> tuple[Ints, Bools, Votes]:
    """Lets backers vote; their majority decides, a refusal is followed by rework."""
    count = len(row)
    project = plan.project[row]
    item, place = members(supporters.starts[project], supporters.sizes[project])
    backer = supporters.backer[place]
    # Small crowds feel responsible: turnout falls with the number of backers.
    crowd = np.maximum(supporters.sizes[project], 1) / TYPICAL_SUPPORT
    chance = config.turnout * crowd**-config.turnout_slope
    votes = rng.random(len(item)) < np.minimum(chance[item] * engagement[backer], 0.9)
    item, backer = item[votes], backer[votes]
    wait = (rng.exponential(config.vote_days, len(item)) * DAY).astype(np.int64) + 1
    voted_at = submitted_at[item] + wait
    review = 1 + rng.gamma(REVIEW_SHAPE, config.review_days / REVIEW_SHAPE, count)
    decided_at = submitted_at + (review * DAY).astype(np.int64)
    is_first = voted_at <= decided_at[item]
    opinion = rng.random(len(item)) < logistic(log_odds[item] + np.where(is_first, 0.0, 1.0))

    cast = np.bincount(item[is_first], minlength=count)
    yes = np.bincount(item[is_first], opinion[is_first], count)
    passes = yes >= config.approval_threshold * cast
    rework = rng.gamma(REWORK_SHAPE, config.rework_days / REWORK_SHAPE, count) + 1
    is_fixed = rng.random(count) < logistic(config.rework_approval + 0.3 * (log_odds - 1))
    resolved_at = decided_at + np.where(passes, 0, (rework * DAY).astype(np.int64))
    closes_at = plan.due_at[row] + REFUND_DAYS * DAY
    resolved_at = np.where(resolved_at <= closes_at, resolved_at, NOT_KNOWN)
    in_time = voted_at <= np.minimum(resolved_at, closes_at)[item]
    ballots = Votes(row[item[in_time]], backer[in_time], opinion[in_time], voted_at[in_time])
    return resolved_at, passes | is_fixed, ballots
