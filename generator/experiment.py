"""Exposures: views of highlighted places in the listing, and the pledges they led to."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from generator import keyed_random
from generator.arrays import SECOND, Bools, Floats, Ints, ascending, weighted_choice
from generator.backing import Pledges
from generator.config import SimulationConfig
from generator.highlighting import Highlighting, drawn_backers, shown_effect
from generator.launches import Projects
from generator.people import Backers
from generator.rhythm import WeeklyRhythm

NO_PLEDGE = -1
VIEW_SECONDS = 1_200
# Purposes of a view's random bits, beside its backer.
PLACE, TIMESTAMP = 1, 2


@dataclass(frozen=True, slots=True)
class Exposures:
    """One element per view of a project in the listing by a backer, in the order of time.

    Attributes:
        backer: Position of the backer in the block.
        project: Position of the project in the block.
        exposed_at: Microseconds since 1970.
        pledge: Position of the pledge it led to, or NO_PLEDGE.
        is_shown: The project was highlighted for this backer, now and here.
    """

    backer: Ints
    project: Ints
    exposed_at: Ints
    pledge: Ints
    is_shown: Bools


def expose(
    config: SimulationConfig,
    projects: Projects,
    backers: Backers,
    pledges: Pledges,
    *,
    highlighting: Highlighting,
    closed_at: Ints,
    ends_at: int,
    count: int,
    rhythm: WeeklyRhythm,
    rng: np.random.Generator,
) -> Exposures:
    """Draws the views: those that led to a pledge from the listing, and those that did not.

    Args:
        config: The world's parameters.
        projects: Projects of the block.
        backers: Backers of the block.
        pledges: Recorded pledges of the block.
        highlighting: What the experiment highlights, and from when on.
        closed_at: When each project stopped taking pledges.
        ends_at: End of all recording.
        count: Number of views in all.
        rhythm: Busy hours.
        rng: Stream of the experiment.
    """
    opens_at = np.maximum(projects.launched_at, highlighting.begins_at)
    closes_at = np.minimum(closed_at, ends_at)
    earliest = np.maximum(opens_at[pledges.project], backers.able_at[pledges.backer])
    converting = np.flatnonzero(pledges.is_from_listing & (pledges.pledged_at > earliest))
    converting = converting[:count]
    room = pledges.pledged_at[converting] - earliest[converting]
    delay = (rng.exponential(VIEW_SECONDS, len(converting)) * SECOND).astype(np.int64) + SECOND
    seen_at = pledges.pledged_at[converting] - np.minimum(delay, room)

    idle = count - len(converting)
    is_listed = highlighting.is_highlighted & (closes_at > opens_at)
    key = rng.integers(0, 2**64, count, dtype=np.uint64)[:idle]
    if idle and is_listed.any():
        weight = np.where(is_listed, closes_at - opens_at, 0) * _popularity(projects, pledges)
        project = weighted_choice(weight, keyed_random.uniform(key, PLACE))
        low, high = rhythm.reading(opens_at), rhythm.reading(closes_at)
        drawn = low[project] + (high - low)[project] * keyed_random.uniform(key, TIMESTAMP)
        timestamp = np.clip(rhythm.timestamp(drawn), opens_at[project], closes_at[project] - 1)
        able = np.maximum(np.searchsorted(backers.able_at, timestamp, "right"), 1)
        backer, is_shown = drawn_backers(
            backers,
            projects.category[project],
            able,
            key,
            shown_share=config.highlight_shown,
            odds=_idle_odds(config, len(converting) / count),
        )
    else:
        project = timestamp = backer = np.zeros(0, dtype=np.int64)
        is_shown = np.zeros(0, dtype=np.bool_)
    exposed_at = np.concatenate([seen_at, timestamp])
    order = ascending(exposed_at)
    return Exposures(
        backer=np.concatenate([pledges.backer[converting], backer])[order],
        project=np.concatenate([pledges.project[converting], project])[order],
        exposed_at=exposed_at[order],
        pledge=np.concatenate([converting, np.full(len(project), NO_PLEDGE)])[order],
        is_shown=np.concatenate([pledges.is_shown[converting], is_shown])[order],
    )


def _popularity(projects: Projects, pledges: Pledges) -> Ints:
    """Weights projects in the listing: popular ones are shown more often."""
    pledged = np.bincount(pledges.project, minlength=len(projects.goal))
    return np.sqrt(1 + pledged).astype(np.int64) + 1


def _idle_odds(
    config: SimulationConfig, conversion: float
) -> Callable[[Ints, Bools, Bools], Floats]:
    """Returns the odds that a view leads to no pledge.

    Both arms have equally many views; the treated convert more, so fewer of theirs are idle.
    """
    base = conversion / (1 + config.treated_share * config.highlight_lift)
    plain, shown = 1 - base, 1 - base * (1 + shown_effect(config))
    highest = max(plain, shown)

    def odds(_: Ints, __: Bools, is_shown: Bools) -> Floats:
        return np.clip(np.where(is_shown, shown, plain) / highest, 0.0, 1.0)

    return odds
