"""Herding, the lull and the rescue, estimated from pledges of campaigns that are alike."""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from generator.arrays import DAY, Bools, Floats, Ints
from generator.arrivals import RESCUE_SOFTNESS
from generator.campaigns import StepPledges, simulate_all_steps
from generator.config import SimulationConfig
from generator.demand import Demand
from generator.pledge_sizes import topped_up

CAMPAIGNS, STEPS = 1500, 60
TYPICAL, EXPECTED = 5_000, 40.0
PLAIN = SimulationConfig(
    herding=0.0,
    lull=1.0,
    rescue=0.0,
    rescue_size=1.0,
    top_up_share=0.0,
    cancel_share=0.0,
    pledge_sd=0.0,
    tier_share=0.0,
)
# Standard errors on either side of an estimate within which the truth lies 99 times in 100.
NINETY_NINE = 2.58


def plain_demand() -> Demand:
    """Campaigns of 30 days in equal steps, which differ in nothing but how much they expect."""
    elapsed = np.repeat(np.arange(STEPS + 1)[:, None] / STEPS, CAMPAIGNS, axis=1)
    level = np.linspace(0.3, 2.0, CAMPAIGNS)
    even = np.full((STEPS, CAMPAIGNS), 1 / STEPS)
    return Demand(
        score=np.zeros(CAMPAIGNS),
        typical=np.full(CAMPAIGNS, float(TYPICAL)),
        log_median=np.full(CAMPAIGNS, np.log(TYPICAL / 100)),
        token_share=np.zeros(CAMPAIGNS),
        expected=EXPECTED * level,
        friends=np.zeros(CAMPAIGNS),
        rescue_ratio=np.full(CAMPAIGNS, PLAIN.rescue_ratio),
        edges=(elapsed * 30 * DAY).astype(np.int64),
        readings=elapsed * 30 * 24,
        elapsed=elapsed,
        base_share=even,
        burst_share=np.zeros_like(even),
        swing=np.ones_like(even),
        jumps_at=np.full(CAMPAIGNS, np.inf),
    )


class Steps(NamedTuple):
    """Time steps of all campaigns: pledges in each, pledges the calm demand expects, the state."""

    pledges: Floats
    calm: Floats
    ratio: Floats
    elapsed: Floats


def simulated(**changes: float) -> tuple[Ints, StepPledges]:
    """Returns what the plain campaigns raise, and their pledges."""
    goal = np.full(CAMPAIGNS, int(EXPECTED * TYPICAL))
    config = replace(PLAIN, **changes)  # type: ignore[arg-type]
    rng = np.random.default_rng(8)
    outcome, pledges = simulate_all_steps(config, plain_demand(), goal, 10**6, rng)
    return outcome.raised, pledges


@cache
def played(**changes: float) -> Steps:
    demand = plain_demand()
    _, pledges = simulated(**changes)
    count = np.bincount(pledges.step * CAMPAIGNS + pledges.campaign, minlength=STEPS * CAMPAIGNS)
    pledged = count.reshape(STEPS, CAMPAIGNS).astype(np.float64)
    before = np.cumsum(pledged, axis=0) - pledged
    calm = demand.expected * demand.base_share
    return Steps(pledged, calm, before / EXPECTED, demand.elapsed[:-1])


def ratio_estimate(steps: Steps, extra: Floats, base: Floats, rows: Bools) -> tuple[float, float]:
    """Estimates b in `pledges = base + b * extra`, with the error of Poisson counts."""
    total = extra[rows].sum()
    estimate = (steps.pledges - base)[rows].sum() / total
    return float(estimate), float(np.sqrt(steps.pledges[rows].sum()) / total)


@pytest.mark.parametrize("herding", [0.0, 0.8, 1.78])
def test_demand_grows_near_the_goal_by_the_configured_herding(herding: float) -> None:
    steps = played(herding=herding)
    squared = steps.ratio**2
    pull = squared / (squared + PLAIN.herding_half**2)
    estimate, error = ratio_estimate(steps, steps.calm * pull, steps.calm, steps.ratio < 1)
    assert error < 0.05
    assert abs(estimate - herding) < NINETY_NINE * error


@pytest.mark.parametrize("lull", [1.0, 0.77, 0.3])
def test_demand_changes_after_the_goal_by_the_configured_lull(lull: float) -> None:
    steps = played(lull=lull)
    estimate, error = ratio_estimate(steps, steps.calm, np.zeros_like(steps.calm), steps.ratio >= 1)
    assert error < 0.05
    assert abs(estimate - lull) < NINETY_NINE * error


@pytest.mark.parametrize("rescue", [0.0, 1.0, 2.1])
def test_late_pledges_close_the_gap_by_the_configured_rescue(rescue: float) -> None:
    steps = played(rescue=rescue)
    middle = steps.elapsed + 0.5 / STEPS
    late = np.maximum(middle - PLAIN.rescue_from, 0) / (1 - PLAIN.rescue_from)
    hope = 1 / (1 + np.exp((PLAIN.rescue_ratio - steps.ratio) / RESCUE_SOFTNESS))
    pressure = late**PLAIN.rescue_rise / STEPS / np.maximum(1 - middle, 0.02)
    missing = EXPECTED * (1 - steps.ratio) * pressure * hope
    estimate, error = ratio_estimate(steps, missing, steps.calm, (steps.ratio < 1) & (late > 0))
    assert error < 0.2
    assert abs(estimate - rescue) < NINETY_NINE * error


def test_a_rescue_comes_in_fewer_and_larger_pledges() -> None:
    (nothing, alone), (usual, many), (large, few) = (
        simulated(rescue=rescue, rescue_size=size)
        for rescue, size in ((0.0, 1.0), (2.1, 1.0), (2.1, 3.0))
    )
    gain = usual.sum() - nothing.sum()
    assert large.sum() - nothing.sum() == pytest.approx(gain, rel=0.1)
    extra, fewer = (len(each.amount) - len(alone.amount) for each in (many, few))
    assert fewer == pytest.approx(extra / 3, rel=0.15)
    assert few.amount.max() > 1.5 * many.amount.max()


@pytest.mark.parametrize("exact", [0.0, 0.4, 1.0])
def test_creators_close_the_gap_to_the_cent_or_in_round_sums(exact: float) -> None:
    config = replace(PLAIN, top_up_share=0.9, top_up_exact=exact, top_up_means=1e9)
    drawn = np.random.default_rng(1).random(20_000)
    goal, raised = np.full(20_000, 100_000), np.full(20_000, 89_977)
    closed, amount = topped_up(config, goal, raised, np.ones(20_000, dtype=np.bool_), drawn)
    gap = 100_000 - 89_977
    assert len(closed) / 20_000 == pytest.approx(0.9, abs=0.01)
    assert (amount == gap).mean() == pytest.approx(exact, abs=0.02)
    assert (amount[amount != gap] % 500 == 0).all()
    assert amount.min() >= gap


def test_the_larger_the_gap_the_fewer_creators_close_it() -> None:
    goal = int(EXPECTED * TYPICAL)
    plain, _ = simulated()
    is_close = (plain > PLAIN.top_up_from * goal) & (plain < goal)
    shares = [
        (simulated(top_up_share=0.5, top_up_means=means)[0][is_close] >= goal).mean()
        for means in (20.0, 200.0, 1e6)
    ]
    assert shares == sorted(shares)
    assert shares[2] - shares[0] > 0.3
