"""How many pledges a campaign may expect in a step: herding, lull, rescue, and the cap."""

from dataclasses import dataclass

import numpy as np

from generator.arrays import Floats, Ints
from generator.config import SimulationConfig
from generator.demand import Demand

RESCUE_SOFTNESS = 0.05
# Near the cap fewer backers are left to come, and they pledge more: the money stays the same.
MIN_ROOM = 0.01
TINY_RATE = 1e-12


@dataclass(frozen=True, slots=True)
class ExpectedArrivals:
    """Arrivals expected of campaigns before they run; one column per campaign.

    Attributes:
        baseline: Pledges expected in each step before noise, herding and lull, shape (steps, n).
        friends: Pledges expected of the creator's friends in each step, shape (steps, n).
        rescue: Pledges per missing cent that a late rescue brings, of the steps in which there may
            be one, shape (late steps, n).
        rescue_from: The first of these steps.
    """

    baseline: Floats
    friends: Floats
    rescue: Floats
    rescue_from: int


def expected_arrivals(config: SimulationConfig, demand: Demand) -> ExpectedArrivals:
    """Returns the arrivals expected in each step, but for what depends on earlier steps."""
    begin, end = demand.elapsed[:-1], demand.elapsed[1:]
    first = int(np.count_nonzero(end.max(axis=1) <= config.rescue_from))
    middle = (begin[first:] + end[first:]) / 2
    urgency = (np.maximum(middle - config.rescue_from, 0.0) / (1 - config.rescue_from)) ** (
        config.rescue_rise
    )
    urgency *= (end - begin)[first:] / np.maximum(1 - middle, 0.02)
    return ExpectedArrivals(
        baseline=demand.expected * demand.base_share,
        friends=demand.friends * demand.burst_share,
        rescue=config.rescue / demand.typical * urgency,
        rescue_from=first,
    )


def arrival_rate(
    config: SimulationConfig,
    demand: Demand,
    expected: ExpectedArrivals,
    step: int,
    goal: Ints,
    *,
    swing: Floats,
    raised: Ints,
) -> tuple[Floats, Floats]:
    """Returns the pledges expected in a step before the cap is felt, were all of usual size.

    Those of a late rescue are larger, and so fewer: the second array is the factor on the number of
    all pledges of the step, and divides their size.

    Args:
        config: The world's parameters.
        demand: What the campaigns are made of, n of them.
        expected: Their expected arrivals.
        step: Position of the step.
        goal: Goals in cents, shape (n,).
        swing: Random factors of the step, shape (n,), or (times, n) to simulate them several times.
        raised: Cents raised before the step, of the same shape.
    """
    ratio = raised / goal
    squared = ratio * ratio
    herding = 1 + config.herding * squared / (squared + config.herding_half**2)
    rate: Floats = expected.baseline[step] * swing * np.where(ratio < 1, herding, config.lull)
    rate += expected.friends[step]
    if step >= expected.rescue_from:
        doubt = np.exp(np.minimum((demand.rescue_ratio - ratio) / RESCUE_SOFTNESS, 40.0))
        rescue = (
            np.maximum(goal - raised, 0)
            * expected.rescue[step - expected.rescue_from]
            / (1 + doubt)
        )
        usual, rate = rate, rate + rescue
        return rate, (usual + rescue / config.rescue_size) / np.maximum(rate, TINY_RATE)
    return rate, np.ones_like(rate)


def room_left(pledged: Ints, pledge_cap: int) -> Floats:
    """Returns the factor on arrivals near the cap, where fewer backers are left to come."""
    crowd = pledged / pledge_cap
    room: Floats = np.maximum(1 - crowd * np.sqrt(crowd), MIN_ROOM)
    return room
