"""Campaigns step by step: pledges arrive and feed back, creators give up; no outcome is drawn."""

from dataclasses import dataclass

import numpy as np

from generator.arrays import Bools, Floats, Ints
from generator.catalogue import PRICE_TIERS
from generator.config import SimulationConfig
from generator.demand import Demand

TOP_UP_STEPS = 3
RESCUE_SOFTNESS = 0.05
# Near the cap fewer backers are left to come, and they pledge more: the money stays the same.
LEAST_ROOM = 0.2
# Pledges off the reward prices: four in five are whole money.
CENTS_SHARE = 0.05
NOT_CANCELLED = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a wave of campaigns came to, as if watched to the end; one element per campaign.

    Attributes:
        raised: Cents pledged by the deadline or the cancellation.
        cancelled_at: Microseconds since 1970, or NOT_CANCELLED.
    """

    raised: Ints
    cancelled_at: Ints


@dataclass(frozen=True, slots=True)
class StepPledges:
    """Pledges known to the time step; one element per pledge, step by step.

    Attributes:
        campaign: Position in the wave.
        opens_at: Begin of the pledge's time step.
        closes_at: End of the pledge's time step.
        amount: Cents.
    """

    campaign: Ints
    opens_at: Ints
    closes_at: Ints
    amount: Ints


def run_campaigns(
    config: SimulationConfig, demand: Demand, goal: Ints, pledge_cap: int, rng: np.random.Generator
) -> tuple[Outcome, StepPledges]:
    """Plays campaigns from launch to deadline.

    Args:
        config: The world's parameters.
        demand: What the campaigns are made of, n of them.
        goal: Goals in cents, shape (n,).
        pledge_cap: No campaign gets more pledges than this.
        rng: Stream of the outcomes.

    Returns:
        How each campaign ended, and all its pledges.
    """
    count = len(goal)
    raised, pledged = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    cancelled_at = np.full(count, NOT_CANCELLED)
    gives_up_at = np.where(
        rng.random(count) < config.cancel_share, rng.uniform(0.1, 0.95, count), np.inf
    )
    steps = len(demand.base_share)
    arrivals: list[tuple[Ints, Ints]] = []
    for step in range(steps):
        ratio = raised / goal
        is_running = cancelled_at == NOT_CANCELLED
        room = np.maximum(1 - (pledged / pledge_cap) ** 2, LEAST_ROOM)
        rate = _arrival_rate(config, demand, step, goal - raised, ratio) * room
        arriving = np.minimum(rng.poisson(rate * is_running), pledge_cap - pledged)
        campaign = np.repeat(np.arange(count), arriving)
        amount = _amounts(config, demand, campaign, np.log(room)[campaign], rng)
        raised = raised + np.bincount(campaign, amount, count).astype(np.int64)
        pledged = pledged + arriving
        if step >= steps - TOP_UP_STEPS:
            saved = _topped_up(config, raised / goal, is_running & (pledged < pledge_cap), rng)
            campaign = np.concatenate([campaign, saved])
            amount = np.concatenate([amount, (goal - raised)[saved]])
            raised[saved] = goal[saved]
            pledged[saved] += 1
        arrivals.append((campaign, amount))
        begin, end = demand.elapsed[step], demand.elapsed[step + 1]
        is_ending = (begin < gives_up_at) & (gives_up_at <= end)
        ending = np.flatnonzero(is_ending & (raised < config.cancel_ratio * goal))
        if len(ending):
            window = demand.edges[step + 1 : step + 3, ending]
            cancelled_at[ending] = rng.integers(window[0], window[1])
    return Outcome(raised=raised, cancelled_at=cancelled_at), _collected(demand, arrivals)


def _arrival_rate(
    config: SimulationConfig, demand: Demand, step: int, gap: Ints, ratio: Floats
) -> Floats:
    """Returns the pledges expected in a step, given what was raised before it."""
    squared = ratio * ratio
    herding = 1 + config.herding * squared / (squared + config.herding_half**2)
    mood = np.where(ratio < 1, herding, config.lull)
    rate: Floats = demand.expected * demand.base_share[step] * demand.swing[step] * mood
    rate += demand.friends * demand.burst_share[step]
    begin, end = demand.elapsed[step], demand.elapsed[step + 1]
    middle = (begin + end) / 2
    if middle.max() > config.rescue_from:
        urgency = np.maximum(middle - config.rescue_from, 0.0) / (1 - config.rescue_from)
        urgency *= (end - begin) / np.maximum(1 - middle, 0.02)
        hope = 1 / (1 + np.exp(np.minimum((demand.rescue_ratio - ratio) / RESCUE_SOFTNESS, 40.0)))
        rate += np.maximum(gap, 0) / demand.typical * config.rescue * urgency * hope
    return rate


def _amounts(
    config: SimulationConfig,
    demand: Demand,
    campaign: Ints,
    log_room: Floats,
    rng: np.random.Generator,
) -> Ints:
    """Draws pledges in cents: mostly reward prices, some free sums, a few tokens."""
    count = len(campaign)
    size = demand.log_median[campaign] + config.pledge_sd * rng.standard_normal(count) - log_room
    tiers = np.array(PRICE_TIERS)
    between = np.log(tiers[:-1] * tiers[1:]) / 2
    at_tier = tiers[np.searchsorted(between, size)] * 100
    exact = np.maximum(np.exp(np.minimum(size, 14.0)) * 100, 100.0)
    kind = rng.random(count)
    whole = np.round(exact / 100) * 100
    free = np.where(kind > 1 - CENTS_SHARE, np.round(exact), whole).astype(np.int64)
    # Beyond the dearest reward a pledge is a free sum, or a small platform would lose money.
    is_reward = (kind < config.tier_share) & (size <= between[-1])
    amount = np.where(is_reward, at_tier, free)
    token = np.where(rng.random(count) < 0.75, 100, 500)
    return np.where(rng.random(count) < demand.token_share[campaign], token, amount)


def _topped_up(
    config: SimulationConfig, ratio: Floats, may_pledge: Bools, rng: np.random.Generator
) -> Ints:
    """Returns the campaigns whose creators close the gap in this step with one pledge."""
    is_close = (ratio > config.top_up_from) & (ratio < 1) & may_pledge
    close = np.flatnonzero(is_close)
    return close[rng.random(len(close)) < config.top_up_share]


def _collected(demand: Demand, arrivals: list[tuple[Ints, Ints]]) -> StepPledges:
    campaign = np.concatenate([item[0] for item in arrivals])
    step = np.repeat(np.arange(len(arrivals)), [len(item[0]) for item in arrivals])
    return StepPledges(
        campaign=campaign,
        opens_at=demand.edges[step, campaign],
        closes_at=demand.edges[step + 1, campaign],
        amount=np.concatenate([item[1] for item in arrivals]),
    )
