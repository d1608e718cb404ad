"""Creators and backers: who they are, where they live, when backers joined."""

from dataclasses import dataclass

import numpy as np

from generator.arrays import (
    DAY,
    SECOND,
    Bools,
    Floats,
    Ints,
    even_normal,
    even_uniform,
    weighted_choice,
)
from generator.catalogue import CATEGORIES, country_values
from generator.config import SimulationConfig
from generator.draws import WeightedDraw, weighted_draw

UNKNOWN_COUNTRY = -1


@dataclass(frozen=True, slots=True)
class Creators:
    """One element per creator of a block.

    Attributes:
        country: Position in the catalogue of countries.
        skill: Latent skill in campaigning and delivering, standard normal.
        goal_residual: Latent leaning towards larger goals, standard normal.
        category: Position of the creator's own category.
    """

    country: Ints
    skill: Floats
    goal_residual: Floats
    category: Ints


@dataclass(frozen=True, slots=True)
class Backers:
    """One element per backer of a block, in the order of joining.

    Attributes:
        country: Position in the catalogue of countries.
        able_at: Earliest timestamp the backer can act, rising.
        inclination: Whom a pledge finds; one entry per category and backer, category after
            category. Those able at a timestamp are a prefix of each category's part.
        engagement: Latent factor of the chance to vote, mean 1.
        is_treated: In the treatment arm of the experiment.
        joins_by_acting: Joins with the first act instead of at `able_at`.
    """

    country: Ints
    able_at: Ints
    inclination: WeightedDraw
    engagement: Floats
    is_treated: Bools
    joins_by_acting: Bools

    def draw(self, category: Ints, able_count: Ints, drawn: Floats) -> Ints:
        """Turns uniform numbers into backers: one of the first `able_count`, by inclination."""
        first = category * len(self.able_at)
        return self.inclination.draw(first, first + able_count, drawn) - first


def make_creators(config: SimulationConfig, count: int, rng: np.random.Generator) -> Creators:
    """Draws the creators of a block."""
    shares = [category.share for category in CATEGORIES]
    category = weighted_choice(shares, even_uniform(rng, count))
    return Creators(
        country=weighted_choice(country_values("share"), even_uniform(rng, count)),
        skill=even_normal(rng, category),
        goal_residual=even_normal(rng, category),
        category=category,
    )


def make_backers(
    config: SimulationConfig, count: int, starts_at: int, ends_at: int, rng: np.random.Generator
) -> Backers:
    """Draws the backers of a block; at least one of them is there from the first launch on."""
    early = max(1, round(count * config.early_backer_share))
    before = starts_at - rng.integers(DAY, 730 * DAY, early)
    # Newcomers grow with the platform: density 1 + growth * x over the span, inverted.
    drawn, growth = rng.random(count - early), config.growth
    total = drawn * (growth + growth * growth / 2)
    position = drawn if growth == 0 else (np.sqrt(1 + 2 * total) - 1) / growth
    later = starts_at + (position * (ends_at - starts_at)).astype(np.int64)
    able_at = np.sort(np.concatenate([before, later])) // SECOND * SECOND
    activity = rng.gamma(config.activity_shape, size=count) + 1e-3
    taste = np.exp(config.taste_sd * rng.standard_normal((len(CATEGORIES), count)))
    return Backers(
        country=weighted_choice(country_values("share"), even_uniform(rng, count)),
        able_at=able_at,
        inclination=weighted_draw((activity * taste).ravel()),
        engagement=rng.gamma(2.0, 0.5, count),
        is_treated=rng.random(count) < config.treated_share,
        joins_by_acting=rng.random(count) < config.join_by_acting_share,
    )


def hide_countries(country: Ints, missing: float, rng: np.random.Generator) -> Ints:
    """Returns the countries as recorded: a share of them is unknown."""
    return np.where(rng.random(len(country)) < missing, UNKNOWN_COUNTRY, country)
