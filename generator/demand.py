"""Demand for a campaign: from latent scores to expected pledges, in total and per time step."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from generator import catalogue
from generator.arrays import DAY, HOUR, Bools, Floats, Ints, in_parts, logistic
from generator.config import SimulationConfig
from generator.launches import TYPICAL_LOG_GOAL, Projects
from generator.pledge_sizes import mean_factor, typical_pledges
from generator.rhythm import WeeklyRhythm

# Divides the static score so that its weight is per standard deviation.
STATIC_SCALE = 0.81
LAST_TENTH = 0.9
# Herding and rescue multiply demand: a campaign that expects this part of the cap may reach it.
CROWDED_SHARE = 0.8
# Campaigns of this goal (log money) overshoot it least.
TAIL_LOG_GOAL = 8.2
# Goals farther off than this (in log money) have no longer tails still.
FARTHEST_GOAL = 2.5
# Below this goal a creator's network is smaller too.
FULL_NETWORK_GOAL = 2000
# How fast pledges turn from those of dead campaigns to those of lively ones, in scores.
LIVELINESS = 2.45
# What is left of demand for a campaign that nobody hears of.
UNKNOWN_DEMAND = 0.02
EARLY_HOURS = (*(0.0, 2.0), *range(4, 37, 4), *range(42, 145, 6))
LATE_STEPS = 60
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Demand:
    """What a wave of campaigns is made of; one element (or column) per campaign.

    Attributes:
        score: Latent score; campaigns above about 1 succeed.
        typical: Mean pledge in cents.
        log_median: Log of the median pledge in money.
        token_share: Chance that a pledge is a token of a few coins.
        expected: Pledges expected in all before herding, lull and rescue.
        friends: Pledges expected of the creator's friends.
        rescue_ratio: Funding ratio that makes a late rescue likely.
        edges: Begin and end of each time step in microseconds since 1970, shape (steps + 1, n).
        readings: The rhythm's clock at each of these, shape (steps + 1, n).
        elapsed: Part of the campaign that has passed at each of these, shape (steps + 1, n).
        base_share: Share of `expected` in each step, shape (steps, n).
        burst_share: Share of `friends` in each step, shape (steps, n).
        swing: Random factor on `expected` in each step, shape (steps, n).
        jumps_at: Elapsed part from which on a campaign is viral, or infinity.
    """

    score: Floats
    typical: Floats
    log_median: Floats
    token_share: Floats
    expected: Floats
    friends: Floats
    rescue_ratio: Floats
    edges: Ints
    readings: Floats
    elapsed: Floats
    base_share: Floats
    burst_share: Floats
    swing: Floats
    jumps_at: Floats

    def taken(self, columns: Ints, first_step: int) -> "Demand":
        """Returns the demand for some campaigns from a time step on."""
        parts = {item.name: getattr(self, item.name) for item in fields(self)}
        return Demand(
            **{
                name: part[first_step:][:, columns] if part.ndim == 2 else part[columns]
                for name, part in parts.items()
            }
        )


def static_score(config: SimulationConfig, projects: Projects) -> Floats:
    """Returns the part of the score that category, goal, duration and country explain."""
    log_goal = np.log(projects.goal / 100)
    excess = log_goal - 8.5
    launched_at = projects.launched_at
    month = launched_at.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12
    weekday = (launched_at // DAY + 3) % 7
    duration = np.array([band.demand_offset for band in catalogue.DURATIONS])
    score = (
        catalogue.category_values("demand_offset")[projects.category]
        + duration[projects.duration_band]
        + catalogue.country_values("demand_offset")[projects.country]
        + np.array(catalogue.MONTH_OFFSETS)[month]
        + np.array(catalogue.WEEKDAY_OFFSETS)[weekday]
        + config.goal_slope * excess
        + config.large_goal_slope * np.maximum(excess, 0.0) ** 2
    )
    scaled: Floats = score / STATIC_SCALE
    return scaled


def potential(
    config: SimulationConfig, score: Floats, category_tail: Floats, log_goal: Floats
) -> Floats:
    """Returns the log of expected money over goal: steep below the kink, flat above it, a tail."""
    distance = np.clip(log_goal - TAIL_LOG_GOAL, -FARTHEST_GOAL, FARTHEST_GOAL)
    tail = category_tail * (1 + config.tail_goal_rise * distance**2)
    above = score - config.kink_score
    beyond = np.maximum(above - 0.7, 0.0)
    far = np.maximum(above - 0.9, 0.0)
    lively = config.flat_slope * (np.minimum(above, 0.7) + tail * beyond)
    lively += config.tail_curve * tail * far**2
    log_ratio = config.kink_potential + np.where(above < 0, config.steep_slope * above, lively)
    return np.minimum(log_ratio, config.highest_potential)


def make_demand(
    config: SimulationConfig,
    projects: Projects,
    rows: Ints,
    score: Floats,
    pledge_cap: int,
    rhythm: WeeklyRhythm,
    rng: np.random.Generator,
) -> Demand:
    """Draws the demand for the campaigns `rows`, given their scores."""
    goal = projects.goal[rows] / 100
    log_goal = np.log(goal)
    category = projects.category[rows]
    tail = catalogue.category_values("tail")[category]
    ratio = np.exp(potential(config, score, tail, log_goal))
    liveliness = logistic(LIVELINESS * (score - config.kink_score))
    circle = rng.standard_normal(len(rows))
    log_median, price = typical_pledges(
        config, category, log_goal, liveliness, circle, pledge_cap, rng
    )
    tokens = config.token_share_dead + liveliness * (
        config.token_share_live - config.token_share_dead
    )
    mean = tokens + (1 - tokens) * np.exp(log_median) * mean_factor(config)
    dead, lively = config.dead_price_demand, config.price_demand
    ratio *= np.exp(-(dead + liveliness * (lively - dead)) * price)
    ratio = np.minimum(ratio, config.highest_demand / goal)
    # A platform with few backers cannot send more: there the same money comes in larger pledges.
    crowded = np.maximum(goal * ratio / mean / (pledge_cap * CROWDED_SHARE), 1.0)
    log_median += np.log(crowded)
    mean *= crowded
    friends = np.exp(
        config.friends_sd * circle + catalogue.category_values("friends_offset")[category]
    )
    friends *= config.friends_median * np.exp(config.friends_score_slope * score)
    friends *= np.minimum(1.0, goal / FULL_NETWORK_GOAL) ** config.small_goal_friends
    heard_of = np.where(_is_unknown(config, score, log_goal, rng), UNKNOWN_DEMAND, 1.0)
    edges, elapsed = _steps(projects, rows)
    readings = in_parts(rhythm.reading, edges.ravel()).reshape(edges.shape)
    base_share, burst_share = _shares(config, edges, elapsed, readings, rng)
    rescue_ratio = config.rescue_ratio + catalogue.category_values("rescue_offset")[category]
    rescue_ratio += config.rescue_ratio_sd * rng.standard_normal(len(rows))
    swing, jumps_at = _swing(config, elapsed, rng)
    return Demand(
        score=score,
        typical=mean * 100,
        log_median=log_median,
        token_share=tokens,
        expected=goal * ratio / mean * heard_of,
        friends=friends * heard_of,
        rescue_ratio=rescue_ratio,
        edges=edges,
        readings=readings,
        elapsed=elapsed,
        base_share=base_share,
        burst_share=burst_share,
        swing=swing,
        jumps_at=jumps_at,
    )


def _is_unknown(
    config: SimulationConfig, score: Floats, log_goal: Floats, rng: np.random.Generator
) -> Bools:
    """Draws the weak campaigns whose creators have no network: the more, the larger the goal."""
    share = config.unknown_goal_slope * (log_goal - TYPICAL_LOG_GOAL)
    is_unknown: Bools = (rng.random(len(score)) < share) & (score < config.kink_score)
    return is_unknown


def _steps(projects: Projects, rows: Ints) -> tuple[Ints, Floats]:
    """Cuts campaigns into steps, short ones first; returns their edges and the part elapsed."""
    launched_at = projects.launched_at[rows]
    length = projects.deadline_at[rows] - launched_at
    early = np.array(EARLY_HOURS)[:, None] * HOUR * _haste(length)
    rest = np.arange(1, LATE_STEPS + 1)[:, None] / LATE_STEPS
    after = np.concatenate([early, early[-1] + rest * (length - early[-1])])
    edges = launched_at + after.astype(np.int64)
    edges[-1] = projects.deadline_at[rows]
    return edges, (edges - launched_at) / length


def _haste(length: Ints) -> Floats:
    """Returns how much sooner everything happens in campaigns of less than a week."""
    return np.minimum(length / WEEK, 1.0)


def _shares(
    config: SimulationConfig,
    edges: Ints,
    elapsed: Floats,
    readings: Floats,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Spreads demand over the steps: a burst at launch, an even middle, a rush at the end."""
    count = edges.shape[1]
    is_delayed = rng.random(count) < config.delay_share
    delay = np.where(is_delayed, rng.exponential(config.delay_hours, count), 0.0)
    waited = np.maximum((edges - edges[0]) / (HOUR * _haste(edges[-1] - edges[0])) - delay, 0.0)
    burst_share = -np.diff(np.exp(-waited / config.burst_hours), axis=0)
    steady = (1 - config.late_share) * np.diff(elapsed, axis=0)
    late = int(np.argmax(elapsed.max(axis=1) > LAST_TENTH)) - 1
    rush = (np.maximum(elapsed[late:] - LAST_TENTH, 0.0) / (1 - LAST_TENTH)) ** 2.6
    steady[late:] += config.late_share * np.diff(rush, axis=0)
    mean, concentration = config.burst_mean, config.burst_concentration
    weight = rng.beta(mean * concentration, (1 - mean) * concentration, count)
    pace = np.diff(readings, axis=0) / (np.diff(edges, axis=0) / HOUR)
    base_share = (weight * burst_share + (1 - weight) * steady) * pace
    return base_share, burst_share * pace


def _swing(
    config: SimulationConfig, elapsed: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Returns the factors of a random walk over each campaign, and when a few go viral."""
    part = np.diff(elapsed, axis=0)
    walk = np.cumsum(rng.standard_normal(part.shape) * np.sqrt(part), axis=0) * config.wander_sd
    is_viral = rng.random(part.shape[1]) < config.jump_share
    since = rng.random(part.shape[1])
    jumps_at = np.where(is_viral, since, np.inf)
    swing: Floats = np.exp(walk + np.where(elapsed[:-1] >= jumps_at, config.jump_size, 0.0))
    return swing, jumps_at


def resumed_swing(
    config: SimulationConfig, demand: Demand, known: Ints, times: int, rng: np.random.Generator
) -> Iterator[Floats]:
    """Draws continuations of the random factors, given those already observed.

    Args:
        config: The world's parameters.
        demand: The campaigns as they went, n of them.
        known: The last time step whose factor has been seen, or -1, shape (n,).
        times: How often each of them goes on.
        rng: Stream of the continuations.

    Yields:
        Factors of one step after another, shape (times, n); up to `known` they are the old ones.
    """
    columns, last = np.arange(len(known)), np.maximum(known, 0)
    is_seen = known >= 0
    seen_until = np.where(is_seen, demand.elapsed[last, columns], 0.0)
    has_jumped = is_seen & (seen_until >= demand.jumps_at)
    level = np.log(demand.swing[last, columns]) - np.where(has_jumped, config.jump_size, 0.0)
    share, shape = config.jump_share, (times, len(known))
    is_viral = rng.random(shape) < share * (1 - seen_until) / (1 - share * seen_until)
    since = seen_until + (1 - seen_until) * rng.random(shape)
    jumps_at = np.where(has_jumped, -1.0, np.where(is_viral, since, np.inf))
    walk = np.broadcast_to(np.where(is_seen, level, 0.0), shape)
    for step, begin in enumerate(demand.elapsed[:-1]):
        is_new = step > known
        part = np.where(is_new, demand.elapsed[step + 1] - begin, 0.0)
        walk = walk + rng.standard_normal(shape) * (np.sqrt(part) * config.wander_sd)
        jump = np.where(begin >= jumps_at, config.jump_size, 0.0)
        yield np.where(is_new, np.exp(walk + jump), demand.swing[step])
