"""What makes milestones late, lost or refused is in the data by the amount configured."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from generator.arrays import DAY, Bools, Floats
from generator.catalogue import STRATEGIES
from generator.config import SimulationConfig
from generator.delivery import NOT_KNOWN
from generator.world import Block, simulate

# Work never holds up the next milestone, none is lost, and trouble does not decide who goes on:
# so every first and second milestone shows its own slip.
PLAIN = SimulationConfig(
    scale=25,
    seed=77,
    exposures_per_scale=0,
    crunch=0.0,
    planned_days=200.0,
    planned_shape=50.0,
    never_share=0.0,
    approval_project=0.0,
    approval_skill=0.0,
    approval_late=0.0,
)
# Standard errors on either side of an estimate within which the truth lies 99 times in 100.
NINETY_NINE = 2.58


@cache
def world(**changes: float | tuple[float, ...]) -> Block:
    (block,) = simulate(replace(PLAIN, **changes))  # type: ignore[arg-type]
    return block


def slips(block: Block, number: int) -> tuple[Floats, Bools]:
    """Reads slips back from dates of one milestone per project, in units of `slip_days`."""
    row = np.flatnonzero(block.plan.number == number)
    submitted = block.delivery.submitted_at[row]
    is_given = submitted < NOT_KNOWN
    late = np.where(is_given, submitted - block.plan.due_at[row], 0) / DAY
    slip = np.where(late > 0, (np.maximum(late, 0) / 0.75) ** 0.8, late / 0.6)
    return slip / PLAIN.slip_days, is_given


def regression(target: Floats, *columns: Floats) -> tuple[Floats, Floats]:
    """Fits least squares with an intercept; returns slopes and their standard errors."""
    design = np.column_stack([np.ones(len(target)), *columns])
    inverse = np.linalg.inv(design.T @ design)
    slope = inverse @ design.T @ target
    spread = (target - design @ slope).var(ddof=design.shape[1])
    return slope[1:], np.sqrt(np.diag(inverse) * spread)[1:]


@pytest.mark.parametrize(
    "strategy_slips", [PLAIN.strategy_slips, (0.0, 0.0, 0.0, 0.0), (0.0, 1.5, -0.6, 0.6)]
)
def test_release_strategies_and_skill_move_slips_as_configured(
    strategy_slips: tuple[float, ...],
) -> None:
    block = world(strategy_slips=strategy_slips)
    slip, is_given = slips(block, 1)
    strategy = block.projects.strategy[is_given]
    skill = block.creators.skill[block.projects.creator[is_given]]
    dummies = [(strategy == index).astype(np.float64) for index in range(1, len(STRATEGIES))]
    slope, error = regression(slip[is_given], skill, *dummies)
    expected = np.array([-PLAIN.slip_skill, *strategy_slips[1:]])
    assert error.max() < 0.1
    assert (np.abs(slope - expected) < NINETY_NINE * error).all()


def test_without_effect_of_skill_able_creators_are_as_late() -> None:
    block = world(slip_skill=0.0)
    slip, is_given = slips(block, 1)
    slope, error = regression(
        slip[is_given], block.creators.skill[block.projects.creator[is_given]]
    )
    assert abs(slope[0]) < NINETY_NINE * error[0]


@pytest.mark.parametrize("slip_project", [0.0, 0.42, 1.0])
def test_delays_of_a_project_share_the_configured_trouble(slip_project: float) -> None:
    block = world(slip_project=slip_project, slip_skill=0.0, strategy_slips=(0.0,) * 4)
    first, is_given = slips(block, 1)
    second, goes_on = slips(block, 2)
    both = is_given & goes_on
    product = (first[both] - first[both].mean()) * (second[both] - second[both].mean())
    error = product.std() / np.sqrt(both.sum())
    assert error < 0.1
    assert abs(product.mean() - slip_project**2) < NINETY_NINE * error


@pytest.mark.parametrize("never_share", [0.0, 0.03, 0.2])
def test_the_configured_share_is_never_delivered(never_share: float) -> None:
    block = world(never_share=never_share)
    first = block.plan.number == 1
    started = block.campaigns.is_funded & (block.projects.deadline_at < 1_704_067_200_000_000)
    lost = (block.delivery.submitted_at[first] == NOT_KNOWN)[started]
    skill = block.creators.skill[block.projects.creator[started]]
    trouble = np.linspace(-4, 4, 401)
    weight = np.exp(-(trouble**2) / 2)
    chance = np.minimum(never_share * np.exp(0.8 * (trouble[:, None] - skill) - 0.64), 1.0)
    expected = (weight @ chance / weight.sum()).mean()
    error = np.sqrt(expected * (1 - expected) / started.sum())
    assert abs(lost.mean() - expected) <= NINETY_NINE * error + 0.001


def lateness_slope(block: Block) -> tuple[float, float]:
    """Fits log odds of approval by days late, first-day votes; error clustered by milestone."""
    votes, plan, delivery = block.votes, block.plan, block.delivery
    early = votes.voted_at < delivery.submitted_at[votes.milestone] + DAY
    milestone = votes.milestone[early]
    late = np.maximum(delivery.submitted_at[milestone] - plan.due_at[milestone], 0) / DAY
    design = np.column_stack([np.ones(len(late)), late])
    opinion, beta = votes.is_approval[early].astype(np.float64), np.zeros(2)
    for _ in range(8):
        chance = 1 / (1 + np.exp(-design @ beta))
        curvature = np.linalg.inv(design.T @ (design * (chance * (1 - chance))[:, None]))
        beta = beta + curvature @ design.T @ (opinion - chance)
    pull = np.zeros((len(plan.project), 2))
    np.add.at(pull, milestone, design * (opinion - chance)[:, None])
    return float(beta[1]), float(np.sqrt((curvature @ (pull.T @ pull) @ curvature)[1, 1]))


@pytest.mark.parametrize("approval_late", [0.0, 0.03])
def test_voters_mind_lateness_as_configured(approval_late: float) -> None:
    slope, error = lateness_slope(world(approval_late=approval_late, slip_days=15.0))
    # Milestones differ by standard normal log odds, which flattens the slope over all of them:
    # by 1 / sqrt(1 + pi / 8) (MacKay 1992).
    expected = -approval_late / np.sqrt(1 + np.pi / 8)
    assert error < 0.006
    assert abs(slope - expected) < NINETY_NINE * error
