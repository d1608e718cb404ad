"""The highlighting experiment: who saw which project in the listing, and what came of it."""

from dataclasses import dataclass

import numpy as np

from generator.arrays import SECOND, Ints, weighted_choice
from generator.backing import MOST_ROUNDS, Pledges, pledge_moments
from generator.config import SimulationConfig
from generator.launches import Projects
from generator.people import Backers
from generator.rhythm import WeeklyRhythm

NO_PLEDGE = -1
LOOK_SECONDS = 1_200


@dataclass(frozen=True, slots=True)
class Exposures:
    """One element per look of a backer at a project in the listing, in the order of time.

    Attributes:
        backer: Position of the backer in the block.
        project: Position of the project in the block.
        exposed_at: Microseconds since 1970.
        pledge: Position of the pledge it led to, or NO_PLEDGE.
    """

    backer: Ints
    project: Ints
    exposed_at: Ints
    pledge: Ints


def expose(
    config: SimulationConfig,
    projects: Projects,
    backers: Backers,
    pledges: Pledges,
    *,
    closed_at: Ints,
    experiment_from: int,
    ends_at: int,
    count: int,
    rhythm: WeeklyRhythm,
    rng: np.random.Generator,
) -> Exposures:
    """Draws the looks: those that led to a pledge from the listing, and those that did not.

    Args:
        config: The world's parameters.
        projects: Projects of the block.
        backers: Backers of the block.
        pledges: Recorded pledges of the block.
        closed_at: When each project stopped taking pledges.
        experiment_from: Begin of the experiment.
        ends_at: End of all recording.
        count: Number of looks in all.
        rhythm: Busy hours.
        rng: Stream of the experiment.
    """
    opens_at = np.maximum(projects.launched_at, experiment_from)
    closes_at = np.minimum(closed_at, ends_at)
    earliest = np.maximum(opens_at[pledges.project], backers.able_at[pledges.backer])
    converting = np.flatnonzero(pledges.is_from_listing & (pledges.pledged_at > earliest))
    converting = converting[:count]
    room = pledges.pledged_at[converting] - earliest[converting]
    look = (rng.exponential(LOOK_SECONDS, len(converting)) * SECOND).astype(np.int64) + SECOND
    seen_at = pledges.pledged_at[converting] - np.minimum(look, room)

    idle = count - len(converting)
    is_shown = closes_at > opens_at
    if idle and is_shown.any():
        weight = np.where(is_shown, closes_at - opens_at, 0) * _popularity(projects, pledges)
        project = weighted_choice(weight, rng.random(idle))
        moment = pledge_moments(opens_at[project], closes_at[project], rhythm, rng)
        backer = _lookers(
            config, backers, projects.category[project], moment, len(converting) / count, rng
        )
    else:
        project = moment = backer = np.zeros(0, dtype=np.int64)
    exposed_at = np.concatenate([seen_at, moment])
    order = np.argsort(exposed_at, kind="stable")
    return Exposures(
        backer=np.concatenate([pledges.backer[converting], backer])[order],
        project=np.concatenate([pledges.project[converting], project])[order],
        exposed_at=exposed_at[order],
        pledge=np.concatenate([converting, np.full(len(project), NO_PLEDGE)])[order],
    )


def _popularity(projects: Projects, pledges: Pledges) -> Ints:
    """Weights projects in the listing: popular ones are shown more often."""
    pledged = np.bincount(pledges.project, minlength=len(projects.goal))
    return np.sqrt(1 + pledged).astype(np.int64) + 1


def _lookers(
    config: SimulationConfig,
    backers: Backers,
    category: Ints,
    moment: Ints,
    conversion: float,
    rng: np.random.Generator,
) -> Ints:
    """Draws backers whose look led to nothing.

    Both arms look equally often in all; the treated convert more, so fewer of their looks are idle.
    """
    able = np.maximum(np.searchsorted(backers.able_at, moment, "right"), 1)
    base = conversion / (1 + config.treated_share * config.highlight_lift)
    idle = np.array([1 - base, 1 - base * (1 + config.highlight_lift)])
    chance = np.clip(idle / idle.max(), 0.0, 1.0)
    backer = backers.draw(category, able, rng)
    waiting = np.arange(len(backer))
    for _ in range(MOST_ROUNDS):
        keep = rng.random(len(waiting)) < chance[backers.is_treated[backer[waiting]].astype(int)]
        waiting = waiting[~keep]
        if not len(waiting):
            break
        backer[waiting] = backers.draw(category[waiting], able[waiting], rng)
    return backer
