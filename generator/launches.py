"""Projects as they stand at launch: who, when, what, how much, for how long, release strategy."""

from dataclasses import dataclass

import numpy as np

from generator import catalogue
from generator.arrays import DAY, Bools, Floats, Ints, even_uniform, place_in_group, weighted_choice
from generator.config import SimulationConfig
from generator.exchange import exchange_rates
from generator.people import Creators
from generator.rhythm import launch_timestamps
from generator.round_numbers import nearby_goals

MIN_MILESTONES = 3
MILESTONE_COUNT_SHARES = (0.2, 0.4, 0.4)
TYPICAL_LOG_GOAL = 8.58


@dataclass(frozen=True, slots=True)
class Projects:
    """One element per project of a block, in the order of launching.

    Attributes:
        creator: Position of the creator in the block.
        wave: 0 for the creator's first project, 1 for the second ...
        category: Position in the catalogue of categories.
        country: Position in the catalogue of countries.
        goal: Funding goal in cents.
        duration_band: Position in the catalogue of durations.
        launched_at: Microseconds since 1970.
        deadline_at: Microseconds since 1970.
        milestone_count: Number of planned milestones.
        strategy: Position in the catalogue of release strategies.
    """

    creator: Ints
    wave: Ints
    category: Ints
    country: Ints
    goal: Ints
    duration_band: Ints
    launched_at: Ints
    deadline_at: Ints
    milestone_count: Ints
    strategy: Ints


def wave_sizes(creators: int, projects: int, max_count: int) -> Ints:
    """Returns how many creators launch a first, second ... project: geometric, exact in total.

    Example:
        >>> wave_sizes(50, 200, 12)[:4], wave_sizes(50, 200, 12).sum()
        (array([50, 38, 29, 22]), np.int64(200))
    """
    wave = np.arange(max_count)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        is_enough = creators * (middle**wave).sum() >= projects
        low, high = (low, middle) if is_enough else (middle, high)
    running = np.round(np.cumsum(creators * high**wave)).astype(np.int64)
    running[-1] = projects
    return np.sort(np.diff(running, prepend=0))[::-1]


def make_projects(
    config: SimulationConfig,
    creators: Creators,
    count: int,
    starts_at: int,
    ends_at: int,
    rng: np.random.Generator,
) -> Projects:
    """Draws the projects of a block; each creator has at least one."""
    creator, wave, place = _launch_slots(config, len(creators.skill), count, rng)
    launched_at = launch_timestamps(place, starts_at, ends_at, config.growth)
    own = rng.random(count) < config.category_kept_share
    shares = [category.share for category in catalogue.CATEGORIES]
    category = np.where(
        own, creators.category[creator], weighted_choice(shares, even_uniform(rng, count))
    )
    country = creators.country[creator]
    goal = _goals(config, category, country, launched_at, creators.goal_residual[creator], rng)
    band, days = _durations(np.log(goal / 100), category, rng)
    extra = weighted_choice(MILESTONE_COUNT_SHARES, even_uniform(rng, count))
    return Projects(
        creator=creator,
        wave=wave,
        category=category,
        country=country,
        goal=goal,
        duration_band=band,
        launched_at=launched_at,
        deadline_at=launched_at + days * DAY,
        milestone_count=MIN_MILESTONES + extra,
        strategy=rng.integers(0, len(catalogue.STRATEGIES), count),
    )


def _launch_slots(
    config: SimulationConfig, creators: int, projects: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Floats]:
    """Spreads each creator's projects over the span; all launches together fill it evenly."""
    sizes = wave_sizes(creators, projects, config.max_projects)
    counts = (sizes[None, :] > np.arange(creators)[:, None]).sum(axis=1)
    creator = np.repeat(rng.permutation(creators), counts)
    place = rng.random(projects)
    order = np.lexsort((place, creator))
    creator, place = creator[order], place[order]
    wave = place_in_group(creator)
    by_time = np.argsort(place, kind="stable")
    return creator[by_time], wave[by_time], place[by_time]


def _goals(
    config: SimulationConfig,
    category: Ints,
    country: Ints,
    launched_at: Ints,
    creator_residual: Floats,
    rng: np.random.Generator,
) -> Ints:
    """Draws goals in cents: mostly round numbers of the local money, at the day's rate."""
    count = len(category)
    rate = exchange_rates(config, country, launched_at)
    residual = np.sqrt(config.goal_creator_share) * creator_residual
    residual += np.sqrt(1 - config.goal_creator_share) * rng.standard_normal(count)
    # Longer tails than a normal law's (Tukey's h).
    tail = np.where(residual < 0, config.low_goal_tail, config.high_goal_tail)
    residual *= np.exp(tail * residual**2 / 2)
    spread = catalogue.category_values("goal_sd")[category]
    center = np.log(catalogue.category_values("goal_median"))[category]
    log_goal = center + spread * residual - np.log(rate)
    kind = rng.random(count)
    local = np.where(
        kind < config.round_goal_share,
        nearby_goals(log_goal, rng.random(count)),
        _other_goals(log_goal, kind > (1 + config.round_goal_share) / 2),
    )
    money = np.clip(local * rate, config.lowest_goal, config.highest_goal)
    return np.round(money * 100).astype(np.int64)


def _other_goals(log_goal: Floats, is_odd: Bools) -> Floats:
    """Returns goals that few others have: multiples of 50 among the thousands, or any number."""
    step = 10 ** (np.floor(log_goal / np.log(10)) - 1) / 2
    goal = np.exp(log_goal)
    return np.where(is_odd, np.round(goal), np.round(goal / step) * step)


def _durations(log_goal: Floats, category: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draws campaign lengths: the band, and the number of whole days."""
    bands = catalogue.DURATIONS
    shares = np.array([band.share for band in bands])
    tilts = np.array([band.goal_tilt for band in bands])
    weights = shares * np.exp(np.clip(np.outer(log_goal - TYPICAL_LOG_GOAL, tilts), -2, 2))
    middle = np.array([(band.first_day + band.last_day) / 2 for band in bands])
    preference = np.outer(catalogue.category_values("days_tilt"), np.log(middle / 30))
    preference[:, middle == 30] += catalogue.category_values("month_offset")[:, None]
    preference[:, -1] += catalogue.category_values("long_offset")
    weights *= np.exp(preference)[category]
    total = np.cumsum(weights, axis=1)
    drawn = rng.random(len(log_goal)) * total[:, -1]
    band = np.minimum((total <= drawn[:, None]).sum(axis=1), len(bands) - 1)
    days = np.concatenate([[0], np.cumsum(catalogue.DAYS)])
    first = days[np.array([item.first_day for item in bands]) - 1][band]
    after = days[np.array([item.last_day for item in bands])][band]
    place = first + rng.random(len(log_goal)) * (after - first)
    return band, np.searchsorted(days, place, side="right").astype(np.int64)
