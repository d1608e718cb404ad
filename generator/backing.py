"""Pledges get their moment and their backer: by rhythm, by taste, and by highlighted listings."""

from dataclasses import dataclass

import numpy as np

from generator.arrays import Bools, Ints
from generator.config import SimulationConfig
from generator.people import Backers
from generator.rhythm import WeeklyRhythm

# Redrawing until nobody is left: each round leaves a twentieth of the rows.
MOST_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Pledges:
    """One element per pledge of a block, in the order of time.

    Attributes:
        project: Position of the project in the block.
        backer: Position of the backer in the block.
        amount: Cents.
        pledged_at: Microseconds since 1970.
        is_from_listing: Began with a look at the listing, while the experiment ran.
    """

    project: Ints
    backer: Ints
    amount: Ints
    pledged_at: Ints
    is_from_listing: Bools


def pledge_moments(
    opens_at: Ints, closes_at: Ints, rhythm: WeeklyRhythm, rng: np.random.Generator
) -> Ints:
    """Draws a moment in [opens_at, closes_at) for each row, denser in busy hours."""
    low, high = rhythm.reading(opens_at), rhythm.reading(closes_at)
    moment = rhythm.moment(low + (high - low) * rng.random(len(opens_at)))
    return np.clip(moment, opens_at, closes_at - 1)


def assign_backers(
    config: SimulationConfig,
    backers: Backers,
    *,
    project: Ints,
    category: Ints,
    amount: Ints,
    pledged_at: Ints,
    experiment_from: int,
    rng: np.random.Generator,
) -> Pledges:
    """Finds a backer for each pledge; rows must be in the order of time.

    Whoever is drawn twice for a project is redrawn once: pledging again is not the rule.
    """
    able = np.maximum(np.searchsorted(backers.able_at, pledged_at, "right"), 1)
    is_from_listing = (pledged_at >= experiment_from) & (
        rng.random(len(project)) < config.listing_share
    )
    backer = _drawn(config, backers, category, able, is_from_listing, rng)
    again = _repeated(project * len(backers.able_at) + backer)
    backer[again] = _drawn(
        config, backers, category[again], able[again], is_from_listing[again], rng
    )
    return Pledges(project, backer, amount, pledged_at, is_from_listing)


def _drawn(
    config: SimulationConfig,
    backers: Backers,
    category: Ints,
    able: Ints,
    is_from_listing: Bools,
    rng: np.random.Generator,
) -> Ints:
    """Draws backers by inclination; from a listing, the treated more often, by the known lift."""
    backer = backers.draw(category, able, rng)
    lift = config.highlight_lift
    chance = np.array([1.0, 1.0 + lift]) / max(1.0, 1.0 + lift)
    waiting = np.flatnonzero(is_from_listing)
    for _ in range(MOST_ROUNDS):
        keep = rng.random(len(waiting)) < chance[backers.is_treated[backer[waiting]].astype(int)]
        waiting = waiting[~keep]
        if not len(waiting):
            break
        backer[waiting] = backers.draw(category[waiting], able[waiting], rng)
    return backer


def _repeated(key: Ints) -> Ints:
    """Returns the rows, in order, whose key an earlier row has."""
    bits = len(key).bit_length()
    if len(key) and int(key.max()) >= 1 << (63 - bits):
        raise ValueError("block_scale is too large to number its pledges")
    # Key and row in one number: sorting numbers is several times faster than sorting positions.
    packed = np.sort(key << bits | np.arange(len(key)))
    is_same = packed[1:] >> bits == packed[:-1] >> bits
    return np.sort(packed[1:][is_same] & ((1 << bits) - 1))
