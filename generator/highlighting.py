"""The highlighting experiment's effect: on demand in the listing, and on who it comes from."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from generator import keyed_random
from generator.arrays import Bools, Floats, Ints
from generator.config import SimulationConfig
from generator.demand import Demand
from generator.people import Backers

# Each round of redrawing leaves a twentieth of the rows.
MAX_ROUNDS = 12
# Purposes of a row's random bits, in each round.
DRAWING, SHOWING, KEEPING = 8, 9, 10
ROUND = 8


@dataclass(frozen=True, slots=True)
class Highlighting:
    """What the experiment highlights in the listing for treated backers.

    Attributes:
        is_highlighted: One element per project of a block.
        begins_at: Microseconds since 1970.
    """

    is_highlighted: Bools
    begins_at: int


def choose_highlights(
    config: SimulationConfig, intrinsic_score: Floats, begins_at: int, rng: np.random.Generator
) -> Highlighting:
    """Highlights the projects of the highest score, as far as the platform can observe it."""
    noise = (
        config.highlight_noise * intrinsic_score.std() * rng.standard_normal(len(intrinsic_score))
    )
    rank = np.argsort(np.argsort(-(intrinsic_score + noise), kind="stable"), kind="stable")
    return Highlighting(rank < round(config.highlighted_share * len(intrinsic_score)), begins_at)


def shown_effect(config: SimulationConfig) -> float:
    """Returns the lift by a highlight that is shown: some never are, the arms differ by less."""
    return config.highlight_lift / config.highlight_shown


def budget_loss(config: SimulationConfig) -> float:
    """Returns the share of their other pledges that treated backers make no more."""
    return config.budget_sharing * config.highlight_lift


def listing_odds(config: SimulationConfig) -> tuple[float, float, float]:
    """Returns demand while the experiment runs, relative to demand without it.

    Returns:
        On a highlighted project from the listing and from elsewhere; on any other project.
    """
    treated = config.treated_share
    other = 1 - treated * budget_loss(config)
    listing = config.listing_share * (1 + treated * config.highlight_lift)
    return listing, (1 - config.listing_share) * other, other


def promoted(
    config: SimulationConfig, demand: Demand, highlighting: Highlighting, rows: Ints
) -> Demand:
    """Returns the demand for the projects `rows` with what highlighting adds and takes away."""
    is_running = demand.edges[:-1] >= highlighting.begins_at
    if not is_running.any():
        return demand
    from_listing, elsewhere, other = listing_odds(config)
    crowd = np.where(highlighting.is_highlighted[rows], from_listing + elsewhere, other)
    factor = np.where(is_running, crowd, 1.0)
    return replace(
        demand,
        base_share=demand.base_share * factor,
        burst_share=demand.burst_share * factor,
    )


def begins_at_listing(
    config: SimulationConfig,
    highlighting: Highlighting,
    project: Ints,
    timestamp: Ints,
    drawn: Floats,
) -> Bools:
    """Returns for each pledge whether it begins at a highlighted place in the listing."""
    from_listing, elsewhere, _ = listing_odds(config)
    is_running = timestamp >= highlighting.begins_at
    is_place: Bools = is_running & highlighting.is_highlighted[project]
    return is_place & (drawn * (from_listing + elsewhere) < from_listing)


def drawn_backers(
    backers: Backers,
    category: Ints,
    able: Ints,
    key: keyed_random.Keys,
    *,
    shown_share: float,
    odds: Callable[[Ints, Bools, Bools], Floats | Bools],
) -> tuple[Ints, Bools]:
    """Draws one backer per row, by inclination and by what the experiment makes of it.

    Args:
        backers: Backers of the block.
        category: Category of the project that a backer is drawn for.
        able: Number of backers who are able to act by then.
        key: Key of the row's random bits.
        shown_share: Chance that a treated backer is shown the highlight.
        odds: From (rows, is treated, is shown), relative odds of at most 1 that such a backer is
            the one who acts in these rows.

    Returns:
        Positions of the backers, and whether they were shown the highlight.
    """
    backer = np.zeros(len(category), dtype=np.int64)
    is_shown = np.zeros(len(category), dtype=np.bool_)
    waiting = np.arange(len(category))
    for attempt in range(MAX_ROUNDS):
        base = ROUND * attempt
        turn = key[waiting]
        found = backers.draw(
            category[waiting], able[waiting], keyed_random.uniform(turn, base + DRAWING)
        )
        backer[waiting] = found
        is_treated = backers.is_treated[found]
        shown = is_treated & (keyed_random.uniform(turn, base + SHOWING) < shown_share)
        is_shown[waiting] = shown
        waiting = waiting[
            keyed_random.uniform(turn, base + KEEPING) >= odds(waiting, is_treated, shown)
        ]
        if not len(waiting):
            break
    return backer, is_shown
