"""Pledges get their moment and their backer: by rhythm, by taste, and by highlighted listings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generator import chance
from generator.arrays import Bools, Floats, Ints
from generator.config import SimulationConfig
from generator.highlighting import (
    Highlighting,
    begins_at_listing,
    budget_loss,
    drawn_backers,
    shown_effect,
)
from generator.people import Backers
from generator.rhythm import WeeklyRhythm
from generator.scenarios import BotPledges

# What the chance of a pledge is used for, beside its amount and its backer.
MOMENT, LISTING = 3, 4
AGAIN = np.uint64(0x5851F42D4C957F2D)


@dataclass(frozen=True, slots=True)
class Pledges:
    """One element per pledge of a block, in the order of time.

    Attributes:
        project: Position of the project in the block.
        backer: Position of the backer in the block.
        amount: Cents.
        pledged_at: Microseconds since 1970.
        is_from_listing: Began with a look at a highlighted place in the listing.
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


def pledge_moments(opens_at: Ints, closes_at: Ints, rhythm: WeeklyRhythm, drawn: Floats) -> Ints:
    """Places each row in [opens_at, closes_at), more often in busy hours."""
    low, high = rhythm.reading(opens_at), rhythm.reading(closes_at)
    moment = rhythm.moment(low + (high - low) * drawn)
    return np.clip(moment, opens_at, closes_at - 1)


def assign_backers(
    config: SimulationConfig,
    backers: Backers,
    highlighting: Highlighting,
    *,
    project: Ints,
    category: Ints,
    amount: Ints,
    pledged_at: Ints,
    key: chance.Keys,
) -> Pledges:
    """Finds a backer for each pledge; rows must be in the order of time.

    Whoever is drawn twice for a project is redrawn once: pledging again is not the rule.
    """
    able = np.maximum(np.searchsorted(backers.able_at, pledged_at, "right"), 1)
    is_from_listing = np.zeros(len(project), dtype=np.bool_)
    first = int(np.searchsorted(pledged_at, highlighting.begins_at))
    is_from_listing[first:] = begins_at_listing(
        config,
        highlighting,
        project[first:],
        pledged_at[first:],
        chance.uniform(key[first:], LISTING),
    )
    kind = np.where(is_from_listing, 2, pledged_at >= highlighting.begins_at)
    backer, is_shown = _drawn(config, backers, category, able, kind, key)
    again = _repeated(project * len(backers.able_at) + backer)
    backer[again], is_shown[again] = _drawn(
        config, backers, category[again], able[again], kind[again], key[again] + AGAIN
    )
    by_bot = np.zeros(len(project), dtype=np.bool_)
    return Pledges(project, backer, amount, pledged_at, is_from_listing, is_shown, by_bot)


def with_bots(pledges: Pledges, bots: Sequence[BotPledges], ends_at: int) -> Pledges:
    """Returns the pledges and those by machine, in the order of time, up to the end."""
    if not any(len(item.project) for item in bots):
        return pledges
    moment = np.concatenate([pledges.pledged_at, *(item.pledged_at for item in bots)])
    order = np.argsort(moment, kind="stable")
    order = order[: np.searchsorted(moment[order], ends_at)]
    nothing = np.zeros(len(moment) - len(pledges.project), dtype=np.bool_)
    return Pledges(
        project=np.concatenate([pledges.project, *(item.project for item in bots)])[order],
        backer=np.concatenate([pledges.backer, *(item.backer for item in bots)])[order],
        amount=np.concatenate([pledges.amount, *(item.amount for item in bots)])[order],
        pledged_at=moment[order],
        is_from_listing=np.concatenate([pledges.is_from_listing, nothing])[order],
        is_shown=np.concatenate([pledges.is_shown, nothing])[order],
        is_by_bot=np.concatenate([pledges.is_by_bot, ~nothing])[order],
    )


def _drawn(
    config: SimulationConfig,
    backers: Backers,
    category: Ints,
    able: Ints,
    kind: Ints,
    key: chance.Keys,
) -> tuple[Ints, Bools]:
    """Draws backers for pledges before the experiment (0), beside it (1) and by it (2)."""
    backer = np.zeros(len(category), dtype=np.int64)
    is_shown = np.zeros(len(category), dtype=np.bool_)
    effect, loss = shown_effect(config), budget_loss(config)

    def beside(is_treated: Bools, _: Bools) -> Floats:
        return np.where(is_treated, 1 - loss, 1.0) / max(1.0, 1 - loss)

    def by(_: Bools, shown: Bools) -> Floats:
        return np.where(shown, 1 + effect, 1.0) / max(1.0, 1 + effect)

    for number, odds in enumerate((None, beside, by)):
        rows = np.flatnonzero(kind == number)
        backer[rows], shown = drawn_backers(
            backers,
            category[rows],
            able[rows],
            key[rows],
            shown_share=config.highlight_shown,
            odds=odds,
        )
        is_shown[rows] = shown & (number == 2)
    return backer, is_shown


def _repeated(key: Ints) -> Ints:
    """Returns the rows, in order, whose key an earlier row has."""
    bits = len(key).bit_length()
    if len(key) and int(key.max()) >= 1 << (63 - bits):
        raise ValueError("block_scale is too large to number its pledges")
    # Key and row in one number: sorting numbers is several times faster than sorting positions.
    packed = np.sort(key << bits | np.arange(len(key)))
    is_same = packed[1:] >> bits == packed[:-1] >> bits
    return np.sort(packed[1:][is_same] & ((1 << bits) - 1))
