"""Campaigns step by step: pledges arrive and feed back, creators give up; no outcome is drawn."""

from dataclasses import dataclass

import numpy as np

from generator import keyed_random
from generator.arrays import Floats, Ints
from generator.arrivals import arrival_rate, expected_arrivals, room_left
from generator.config import SimulationConfig
from generator.demand import Demand
from generator.pledge_sizes import pledge_amounts, topped_up

TOP_UP_STEPS = 3
NOT_CANCELLED = np.iinfo(np.int64).max
# Creators give up somewhere between these parts of the campaign.
GIVING_UP = (0.1, 0.95)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a wave of campaigns, uncensored; one element per campaign.

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
        step: Position of the time step.
        amount: Cents.
        key: What the pledge's own random bits are computed from.
    """

    campaign: Ints
    step: Ints
    amount: Ints
    key: keyed_random.Keys


@dataclass(frozen=True, slots=True)
class RandomDraws:
    """All random numbers of campaigns, drawn before the simulation; one column per campaign.

    What happens in one campaign never changes the draws of another one.

    Attributes:
        arrivals: Uniform number of each time step, shape (steps, n).
        top_ups: Uniform number of each of the last steps, shape (TOP_UP_STEPS, n).
        gives_up_at: Elapsed part at which the creator is ready to give up, or infinity.
        leaves_after: Where in the steps after that the cancellation falls, 0 to 1.
        key: What the random bits of each pledge are computed from.
    """

    arrivals: Floats
    top_ups: Floats
    gives_up_at: Floats
    leaves_after: Floats
    key: keyed_random.Keys


@dataclass(slots=True)
class CampaignState:
    """Where campaigns stand while they are played; one element per campaign."""

    raised: Ints
    pledged: Ints
    cancelled_at: Ints


def draw_random_numbers(
    config: SimulationConfig, steps: int, elapsed: Floats, rng: np.random.Generator
) -> RandomDraws:
    """Draws the draws of campaigns, of which the part `elapsed` went by without giving up."""
    count = len(elapsed)
    first, last = GIVING_UP
    passed = np.clip((elapsed - first) / (last - first), 0.0, 1.0)
    share = config.cancel_share
    ready = share * (1 - passed) / (1 - share * passed)
    gives_up_at = last - (last - first) * (1 - passed) * (1 - rng.random(count))
    return RandomDraws(
        arrivals=rng.random((steps, count)),
        top_ups=rng.random((TOP_UP_STEPS, count)),
        gives_up_at=np.where(rng.random(count) < ready, gives_up_at, np.inf),
        leaves_after=rng.random(count),
        key=rng.integers(0, 2**64, count, dtype=np.uint64),
    )


def simulate_all_steps(
    config: SimulationConfig, demand: Demand, goal: Ints, pledge_cap: int, rng: np.random.Generator
) -> tuple[Outcome, StepPledges]:
    """Simulates campaigns from launch to deadline.

    Args:
        config: The world's parameters.
        demand: What the campaigns are made of, n of them.
        goal: Goals in cents, shape (n,).
        pledge_cap: No campaign gets more pledges than this.
        rng: Stream of the outcomes.

    Returns:
        How each campaign ended, and all its pledges.
    """
    count, steps = len(goal), len(demand.base_share)
    draws = draw_random_numbers(config, steps, np.zeros(count), rng)
    state = CampaignState(
        raised=np.zeros(count, dtype=np.int64),
        pledged=np.zeros(count, dtype=np.int64),
        cancelled_at=np.full(count, NOT_CANCELLED),
    )
    expected = expected_arrivals(config, demand)
    arrivals = []
    for step in range(steps):
        rate, fewer = arrival_rate(
            config, demand, expected, step, goal, swing=demand.swing[step], raised=state.raised
        )
        arrivals.append(
            simulate_step(
                config,
                demand,
                step,
                goal,
                draws,
                state,
                rate=rate,
                room=room_left(state.pledged, pledge_cap) * fewer,
                pledge_cap=pledge_cap,
            )
        )
    outcome = Outcome(raised=state.raised, cancelled_at=state.cancelled_at)
    return outcome, _collected(arrivals)


def simulate_step(
    config: SimulationConfig,
    demand: Demand,
    step: int,
    goal: Ints,
    draws: RandomDraws,
    state: CampaignState,
    *,
    rate: Floats,
    room: Floats,
    pledge_cap: int,
) -> tuple[Ints, Ints, keyed_random.Keys]:
    """Simulates one time step and updates `state`.

    Args:
        config: The world's parameters.
        demand: Of the campaigns. To simulate them several times at once, everything else is listed
            as often, all campaigns first, then all again: n in all.
        step: Position of the step.
        goal: Goals in cents, shape (n,).
        draws: Their random numbers.
        state: Their present state; changed in place.
        rate: Pledges expected in the step before the cap is felt, shape (n,).
        room: Factor of the cap and of a rescue on them; divides their size, shape (n,).
        pledge_cap: No campaign gets more pledges than this.

    Returns:
        Of each pledge of the step: position of its campaign, cents, key.
    """
    steps = len(demand.base_share)
    is_running = state.cancelled_at == NOT_CANCELLED
    arriving = keyed_random.poisson_quantile(draws.arrivals[step], rate * room * is_running)
    arriving = np.minimum(arriving, pledge_cap - state.pledged)
    backed = np.flatnonzero(arriving)
    size = arriving[backed]
    campaign, total = np.repeat(backed, size), np.cumsum(size)
    key = np.repeat(_pledge_keys(draws, backed, state.pledged[backed] - (total - size)), size)
    key += np.arange(len(key), dtype=np.uint64) * keyed_random.GOLDEN
    column = backed % len(demand.score)
    log_median = demand.log_median[column] - np.log(room[backed])
    amount = pledge_amounts(
        config, np.repeat(log_median, size), np.repeat(demand.token_share[column], size), key
    )
    if len(backed):
        state.raised[backed] += np.add.reduceat(amount, total - size)
    state.pledged += arriving
    last = step - (steps - TOP_UP_STEPS)
    if last >= 0:
        may_pledge = is_running & (state.pledged < pledge_cap)
        saved, given = topped_up(config, goal, state.raised, may_pledge, draws.top_ups[last])
        campaign = np.concatenate([campaign, saved])
        amount = np.concatenate([amount, given])
        key = np.concatenate([key, _pledge_keys(draws, saved, state.pledged[saved])])
        state.raised[saved] += given
        state.pledged[saved] += 1
    begin, end = demand.elapsed[step], demand.elapsed[step + 1]
    ready_at = draws.gives_up_at.reshape(-1, len(begin))
    ending = np.flatnonzero((begin < ready_at) & (ready_at <= end))
    is_poor = state.raised[ending] < config.cancel_ratio * goal[ending]
    ending = ending[is_running[ending] & is_poor]
    if len(ending):
        opens_at, closes_at = demand.edges[step + 1 : step + 3, ending % len(begin)]
        wait = (draws.leaves_after[ending] * (closes_at - opens_at)).astype(np.int64)
        state.cancelled_at[ending] = opens_at + wait
    return campaign, amount, key


def _pledge_keys(draws: RandomDraws, campaign: Ints, place: Ints) -> keyed_random.Keys:
    """Returns the key of each pledge, given how many its campaign had before."""
    return draws.key[campaign] + place.astype(np.uint64) * keyed_random.GOLDEN


def _collected(arrivals: list[tuple[Ints, Ints, keyed_random.Keys]]) -> StepPledges:
    return StepPledges(
        campaign=np.concatenate([item[0] for item in arrivals]),
        step=np.repeat(np.arange(len(arrivals)), [len(item[0]) for item in arrivals]),
        amount=np.concatenate([item[1] for item in arrivals]),
        key=np.concatenate([item[2] for item in arrivals]),
    )
