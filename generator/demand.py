"""Demand for a campaign: from latent scores to expected pledges, in total and per time step."""

from dataclasses import dataclass

import numpy as np

from generator import catalogue
from generator.arrays import HOUR, Floats, Ints, logistic
from generator.config import SimulationConfig
from generator.launches import Projects
from generator.rhythm import WeeklyRhythm

# Divides the static score so that its weight is per standard deviation.
STATIC_SCALE = 0.81
LAST_TENTH = 0.9
# Herding and rescue multiply demand: a campaign that expects this part of the cap may reach it.
CROWDED_SHARE = 0.6
EARLY_HOURS = (*(0.0, 2.0), *range(4, 37, 4), *range(42, 145, 6))
LATE_STEPS = 60


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
        elapsed: Part of the campaign that has passed at each of these, shape (steps + 1, n).
        base_share: Share of `expected` in each step, shape (steps, n).
        burst_share: Share of `friends` in each step, shape (steps, n).
        swing: Factor of chance on `expected` in each step, shape (steps, n).
    """

    score: Floats
    typical: Floats
    log_median: Floats
    token_share: Floats
    expected: Floats
    friends: Floats
    rescue_ratio: Floats
    edges: Ints
    elapsed: Floats
    base_share: Floats
    burst_share: Floats
    swing: Floats


def static_score(config: SimulationConfig, projects: Projects) -> Floats:
    """Returns the part of the score that category, goal, duration and country explain."""
    log_goal = np.log(projects.goal / 100)
    excess = log_goal - 8.5
    duration = np.array([band.demand_offset for band in catalogue.DURATIONS])
    score = (
        catalogue.category_values("demand_offset")[projects.category]
        + duration[projects.duration_band]
        + catalogue.country_values("demand_offset")[projects.country]
        + config.goal_slope * excess
        + config.large_goal_slope * np.maximum(excess, 0.0) ** 2
    )
    scaled: Floats = score / STATIC_SCALE
    return scaled


def potential(config: SimulationConfig, score: Floats, tail: Floats) -> Floats:
    """Returns the log of expected money over goal: steep below the kink, flat above it, a tail."""
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
    ratio = np.exp(potential(config, score, catalogue.category_values("tail")[category]))
    liveliness = logistic(2.5 * (score - config.kink_score))
    log_median = (
        config.pledge_level
        + config.pledge_goal_slope * log_goal
        + catalogue.category_values("pledge_offset")[category]
        + config.pledge_project_sd * rng.standard_normal(len(rows))
        - config.dead_pledge_drop * (1 - liveliness)
        + config.small_platform_slope * np.log(pledge_cap / config.cap_pledges)
    )
    tokens = config.token_share_dead + liveliness * (
        config.token_share_live - config.token_share_dead
    )
    mean = tokens + (1 - tokens) * np.exp(log_median + config.pledge_sd**2 / 2)
    # A platform with few backers cannot send more: there the same money comes in larger pledges.
    crowded = np.maximum(goal * ratio / mean / (pledge_cap * CROWDED_SHARE), 1.0)
    log_median += np.log(crowded)
    mean *= crowded
    friends = np.exp(config.friends_sd * rng.standard_normal(len(rows)))
    friends *= config.friends_median * np.exp(config.friends_score_slope * score)
    edges, elapsed = _steps(projects, rows)
    base_share, burst_share = _shares(config, edges, elapsed, rhythm, rng)
    return Demand(
        score=score,
        typical=mean * 100,
        log_median=log_median,
        token_share=tokens,
        expected=goal * ratio / mean,
        friends=friends * np.sqrt(np.minimum(1.0, goal / 1500)),
        rescue_ratio=config.rescue_ratio + config.rescue_ratio_sd * rng.standard_normal(len(rows)),
        edges=edges,
        elapsed=elapsed,
        base_share=base_share,
        burst_share=burst_share,
        swing=_swing(config, elapsed, rng),
    )


def _steps(projects: Projects, rows: Ints) -> tuple[Ints, Floats]:
    """Cuts campaigns into steps, short ones first; returns their edges and the part elapsed."""
    launched_at = projects.launched_at[rows]
    length = projects.deadline_at[rows] - launched_at
    early = np.array(EARLY_HOURS)[:, None] * HOUR
    rest = np.arange(1, LATE_STEPS + 1)[:, None] / LATE_STEPS
    after = np.concatenate(
        [np.broadcast_to(early, (len(early), len(rows))), early[-1] + rest * (length - early[-1])]
    )
    edges = launched_at + after.astype(np.int64)
    edges[-1] = projects.deadline_at[rows]
    return edges, (edges - launched_at) / length


def _shares(
    config: SimulationConfig,
    edges: Ints,
    elapsed: Floats,
    rhythm: WeeklyRhythm,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Spreads demand over the steps: a burst at launch, an even middle, a rush at the end."""
    count = edges.shape[1]
    is_delayed = rng.random(count) < config.delay_share
    delay = np.where(is_delayed, rng.exponential(config.delay_hours, count), 0.0)
    waited = np.maximum((edges - edges[0]) / HOUR - delay, 0.0)
    burst_share = -np.diff(np.exp(-waited / config.burst_hours), axis=0)
    rush = np.diff((np.maximum(elapsed - LAST_TENTH, 0.0) / (1 - LAST_TENTH)) ** 2.6, axis=0)
    steady = (1 - config.late_share) * np.diff(elapsed, axis=0) + config.late_share * rush
    mean, concentration = config.burst_mean, config.burst_concentration
    weight = rng.beta(mean * concentration, (1 - mean) * concentration, count)
    pace = np.diff(rhythm.reading(edges), axis=0) / (np.diff(edges, axis=0) / HOUR)
    base_share = (weight * burst_share + (1 - weight) * steady) * pace
    return base_share, burst_share * pace


def _swing(config: SimulationConfig, elapsed: Floats, rng: np.random.Generator) -> Floats:
    """Returns the factors of a random walk over each campaign, and of a few that go viral."""
    part = np.diff(elapsed, axis=0)
    walk = np.cumsum(rng.standard_normal(part.shape) * np.sqrt(part), axis=0) * config.wander_sd
    is_viral = rng.random(part.shape[1]) < config.jump_share
    since = rng.random(part.shape[1])
    jump = np.where(is_viral & (elapsed[:-1] >= since), config.jump_size, 0.0)
    swing: Floats = np.exp(walk + jump)
    return swing
