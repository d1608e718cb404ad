"""Pledges get a timestamp and a backer: by rhythm, by taste, and by highlighted listings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generator import keyed_random
from generator.arrays import Bools, Floats, Ints, ascending, in_parts
from generator.campaigns import StepPledges
from generator.config import SimulationConfig
from generator.demand import Demand
from generator.highlighting import (
    DRAWING,
    Highlighting,
    begins_at_listing,
    budget_loss,
    drawn_backers,
    shown_effect,
)
from generator.people import Backers
from generator.rhythm import WeeklyRhythm
from generator.scenarios import BotPledges

# Purposes of a pledge's random bits, beside its amount and its backer.
TIMESTAMP, LISTING = 3, 4
AGAIN = np.uint64(0x5851F42D4C957F2D)
REDRAWS = 2


@dataclass(frozen=True, slots=True)
class Pledges:
    """One element per pledge of a block, in the order of time.

    Attributes:
        project: Position of the project in the block.
        backer: Position of the backer in the block.
        amount: Cents.
        pledged_at: Microseconds since 1970.
        is_from_listing: Began with a view of a highlighted place in the listing.
        is_shown: The backer was shown the highlight there.
        is_by_bot: Made by a machine in the backer's name.
    """

    project: Ints
    backer: Ints
    amount: Ints
    pledged_at: Ints
    is_from_listing: Bools
    is_shown: Bools
    is_by_bot: Bools


def pledge_timestamps(demand: Demand, pledges: StepPledges, rhythm: WeeklyRhythm) -> Ints:
    """Places pledges in their time steps, more often in busy hours."""
    readings, edges, campaigns = demand.readings.ravel(), demand.edges.ravel(), len(demand.score)

    def placed(campaign: Ints, step: Ints, key: keyed_random.Keys) -> Ints:
        begin = step * campaigns + campaign
        end = begin + campaigns
        low, high = readings[begin], readings[end]
        timestamp = rhythm.timestamp(low + (high - low) * keyed_random.uniform(key, TIMESTAMP))
        return np.clip(timestamp, edges[begin], edges[end] - 1)

    timestamps: Ints = in_parts(placed, pledges.campaign, pledges.step, pledges.key)
    return timestamps


def assign_backers(
    config: SimulationConfig,
    backers: Backers,
    highlighting: Highlighting,
    *,
    project: Ints,
    category: Ints,
    amount: Ints,
    pledged_at: Ints,
    key: keyed_random.Keys,
) -> Pledges:
    """Finds a backer for each pledge; rows must be in the order of time.

    Whoever is drawn twice for a project is redrawn, twice at most: pledging again is not the rule.
    """
    # Who is able by each timestamp: both are sorted, so it is counted rather than searched for.
    begins = np.searchsorted(pledged_at, backers.able_at)
    able = np.maximum(np.cumsum(np.bincount(begins, minlength=len(pledged_at) + 1))[:-1], 1)
    is_from_listing = np.zeros(len(project), dtype=np.bool_)
    first = int(np.searchsorted(pledged_at, highlighting.begins_at))
    is_from_listing[first:] = begins_at_listing(
        config,
        highlighting,
        project[first:],
        pledged_at[first:],
        keyed_random.uniform(key[first:], LISTING),
    )
    backer, is_shown = _drawn(config, backers, category, able, is_from_listing, first, key)
    for turn in range(1, REDRAWS + 1):
        again = _repeated(project * len(backers.able_at) + backer)
        backer[again] = _redrawn(
            backers,
            category[again],
            able[again],
            backers.is_treated[backer[again]],
            int(np.searchsorted(again, first)),
            key[again] + AGAIN * np.uint64(turn),
        )
    is_shown &= backers.is_treated[backer]  # the rounds may end with one of the other arm
    by_bot = np.zeros(len(project), dtype=np.bool_)
    return Pledges(project, backer, amount, pledged_at, is_from_listing, is_shown, by_bot)


def with_bots(pledges: Pledges, bots: Sequence[BotPledges], ends_at: int) -> Pledges:
    """Returns the pledges and those by machine, in the order of time, up to the end."""
    if not any(len(item.project) for item in bots):
        return pledges
    timestamp = np.concatenate([pledges.pledged_at, *(item.pledged_at for item in bots)])
    order = ascending(timestamp)
    order = order[: np.searchsorted(timestamp[order], ends_at)]
    nothing = np.zeros(len(timestamp) - len(pledges.project), dtype=np.bool_)
    return Pledges(
        project=np.concatenate([pledges.project, *(item.project for item in bots)])[order],
        backer=np.concatenate([pledges.backer, *(item.backer for item in bots)])[order],
        amount=np.concatenate([pledges.amount, *(item.amount for item in bots)])[order],
        pledged_at=timestamp[order],
        is_from_listing=np.concatenate([pledges.is_from_listing, nothing])[order],
        is_shown=np.concatenate([pledges.is_shown, nothing])[order],
        is_by_bot=np.concatenate([pledges.is_by_bot, ~nothing])[order],
    )


def _drawn(
    config: SimulationConfig,
    backers: Backers,
    category: Ints,
    able: Ints,
    is_from_listing: Bools,
    first: int,
    key: keyed_random.Keys,
) -> tuple[Ints, Bools]:
    """Draws backers for pledges: those before the `first` one of the experiment, then its own."""
    backer = np.empty(len(category), dtype=np.int64)
    is_shown = np.zeros(len(category), dtype=np.bool_)
    backer[:first] = _by_inclination(backers, category[:first], able[:first], key[:first])
    effect, loss = shown_effect(config), budget_loss(config)

    def beside(_: Ints, is_treated: Bools, __: Bools) -> Floats:
        return np.where(is_treated, 1 - loss, 1.0) / max(1.0, 1 - loss)

    def by(_: Ints, __: Bools, shown: Bools) -> Floats:
        return np.where(shown, 1 + effect, 1.0) / max(1.0, 1 + effect)

    for is_theirs, odds in ((~is_from_listing, beside), (is_from_listing, by)):
        rows = first + np.flatnonzero(is_theirs[first:])
        backer[rows], is_shown[rows] = drawn_backers(
            backers,
            category[rows],
            able[rows],
            key[rows],
            shown_share=config.highlight_shown,
            odds=odds,
        )
    return backer, is_shown & is_from_listing


def _redrawn(
    backers: Backers,
    category: Ints,
    able: Ints,
    was_treated: Bools,
    first: int,
    key: keyed_random.Keys,
) -> Ints:
    """Draws others instead, from the `first` pledge of the experiment on in the same arm.

    The treated pledge more and are drawn twice more often: replaced by anybody, they would lose a
    part of the effect.
    """
    backer = np.empty(len(category), dtype=np.int64)
    backer[:first] = _by_inclination(backers, category[:first], able[:first], key[:first])

    def in_arm(rows: Ints, is_treated: Bools, _: Bools) -> Bools:
        same: Bools = is_treated == was_treated[first:][rows]
        return same

    backer[first:], _ = drawn_backers(
        backers, category[first:], able[first:], key[first:], shown_share=0.0, odds=in_arm
    )
    return backer


def _by_inclination(backers: Backers, category: Ints, able: Ints, key: keyed_random.Keys) -> Ints:
    def drawn(category: Ints, able: Ints, key: keyed_random.Keys) -> Ints:
        return backers.draw(category, able, keyed_random.uniform(key, DRAWING))

    backer: Ints = in_parts(drawn, category, able, key)
    return backer


def _repeated(key: Ints) -> Ints:
    """Returns the rows, in order, whose key an earlier row has."""
    order = ascending(key)
    is_same = np.diff(key[order]) == 0
    return np.sort(order[1:][is_same])
