"""True probabilities are true: what they promise is as frequent as they say."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from generator.campaigns import NOT_CANCELLED, draw_random_numbers
from generator.config import SimulationConfig
from generator.rhythm import pledge_rhythm
from generator.truth.risk import milestone_risks, strategy_risks
from generator.truth.success import KINDS, Snapshots, success_probabilities
from generator.world import Block, micros, simulate

SEEDS = (1, 2, 3)
BINS = (0.1, 0.35, 0.65, 0.9)


def config(seed: int) -> SimulationConfig:
    return SimulationConfig(scale=2, seed=seed)


@cache
def world(seed: int) -> Block:
    (block,) = simulate(config(seed))
    return block


def played(block: Block, seed: int, continuations: int, stream: int) -> Snapshots:
    everyone = np.ones(len(block.projects.goal), dtype=np.bool_)
    rng = np.random.default_rng([seed, stream])
    return success_probabilities(config(seed), block, everyone, continuations, pledge_rhythm(), rng)


@cache
def truth(seed: int, stream: int = 0) -> Snapshots:
    return played(world(seed), seed, 12, stream)


def assert_calibrated(sorting: np.ndarray, judged: np.ndarray, came_true: np.ndarray) -> None:
    """Sorts by one estimate and judges another: chance in the first cannot flatter the second."""
    part = np.digitize(sorting, BINS)
    for number in range(len(BINS) + 1):
        rows = part == number
        promised, frequency = judged[rows].mean(), came_true[rows].mean()
        error = np.sqrt(max(promised * (1 - promised), 0.005) / rows.sum())
        assert abs(promised - frequency) < 3.5 * error, (number, promised, frequency)


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_match_frequencies(kind: str) -> None:
    sorting, judged, came_true = [], [], []
    for seed in SEEDS:
        first, second = truth(seed, 0), truth(seed, 1)
        rows = (first.kind == list(KINDS).index(kind)) & (first.continuation_count > 0)
        sorting.append(first.probability[rows])
        judged.append(second.probability[rows])
        came_true.append(world(seed).campaigns.is_funded[first.project[rows]])
    assert_calibrated(*(np.concatenate(part) for part in (sorting, judged, came_true)))


@pytest.mark.parametrize("kind", list(KINDS)[2:])
def test_what_is_seen_of_demand_and_money_is_used_up(kind: str) -> None:
    """Nothing known at the snapshot may go with the error of the probability."""
    errors, variances, mood, money = [], [], [], []
    for seed in SEEDS:
        block, found = world(seed), truth(seed)
        rows = (found.kind == list(KINDS).index(kind)) & (found.continuation_count > 0)
        project, timestamp = found.project[rows], found.snapshot_at[rows]
        probability = found.probability[rows]
        errors.append(block.campaigns.is_funded[project] - probability)
        variances.append(np.maximum(probability * (1 - probability), 0.005) * (1 + 1 / 12))
        mood.append(last_swing(block, project, timestamp))
        before = (
            block.pledges.pledged_at
            < timestamp_of(block, project, timestamp)[block.pledges.project]
        )
        raised = np.bincount(
            block.pledges.project[before], block.pledges.amount[before], len(block.projects.goal)
        )
        money.append(np.sqrt((raised / block.projects.goal)[project]) - 0.3)
    error, variance = np.concatenate(errors), np.concatenate(variances)
    for known in (np.concatenate(mood), np.concatenate(money)):
        assert abs((error * known).sum() / np.sqrt((variance * known**2).sum())) < 3.5


def test_true_probabilities_follow_the_tide() -> None:
    whole = {name: replace(config(SEEDS[0]), scenario=name) for name in ("steady", "tide")}
    begin, end = micros(whole["tide"])
    chance, elapsed = {}, np.zeros(0)
    for name, settings in whole.items():
        (block,) = simulate(settings)
        is_first = block.projects.wave == 0
        rng = np.random.default_rng(1)
        found = success_probabilities(settings, block, is_first, 12, pledge_rhythm(), rng)
        rows = found.kind == 0
        chance[name] = found.probability[rows]
        elapsed = (block.projects.launched_at[found.project[rows]] - begin) / (end - begin)
    gain = chance["tide"] - chance["steady"]
    assert gain[elapsed < 0.2].mean() > 0.03
    assert gain[(elapsed > 0.5) & (elapsed < 0.8)].mean() < -0.03


def timestamp_of(block: Block, project: np.ndarray, timestamp: np.ndarray) -> np.ndarray:
    by_project = np.zeros(len(block.projects.goal), dtype=np.int64)
    by_project[project] = timestamp
    return by_project


def last_swing(block: Block, project: np.ndarray, timestamp: np.ndarray) -> np.ndarray:
    """Log factor of chance in the last time step before the snapshot."""
    swing = np.zeros(len(block.projects.goal))
    until = timestamp_of(block, project, timestamp)
    for wave in block.waves:
        step = (wave.demand.edges[1:] <= until[wave.rows]).sum(axis=0) - 1
        swing[wave.rows] = np.log(wave.demand.swing[step, np.arange(len(wave.rows))])
    return swing[project]


@pytest.mark.parametrize("elapsed", [0.0, 0.05, 0.3, 0.8, 0.97])
def test_who_did_not_give_up_yet_is_less_likely_to(elapsed: float) -> None:
    whole = SimulationConfig(cancel_share=0.6)
    fresh = draw_random_numbers(whole, 1, np.zeros(100_000), np.random.default_rng(1)).gives_up_at
    left = fresh[fresh > elapsed]
    later = draw_random_numbers(
        whole, 1, np.full(100_000, elapsed), np.random.default_rng(2)
    ).gives_up_at
    assert later.min() > elapsed
    for until in (0.2, 0.5, 0.9, 0.99):
        assert (later <= until).mean() == pytest.approx((left <= until).mean(), abs=0.01)


def test_the_certain_is_certain() -> None:
    for seed in SEEDS:
        found, block = truth(seed), world(seed)
        certain = found.continuation_count == 0
        assert set(found.probability[certain]) <= {0.0, 1.0}
        outcome = block.campaigns.is_funded[found.project[certain]]
        assert (found.probability[certain] == outcome).all()
        assert (found.probability[found.is_decided] == 1).all()
        lost = certain & (found.probability == 0)
        assert (block.campaigns.cancelled_at[found.project[lost]] < NOT_CANCELLED).all()


def test_decided_is_what_the_pledges_before_say() -> None:
    found, block = truth(1), world(1)
    snapshot = np.random.default_rng(1).integers(0, len(found.project), 40)
    for project, timestamp, decided in zip(
        found.project[snapshot],
        found.snapshot_at[snapshot],
        found.is_decided[snapshot],
        strict=True,
    ):
        before = (block.pledges.project == project) & (block.pledges.pledged_at < timestamp)
        goal = block.projects.goal[project]
        assert decided == (block.pledges.amount[before].sum() >= goal)


def test_there_is_a_snapshot_wherever_the_campaign_still_ran() -> None:
    found, projects = truth(1), world(1).projects
    pairs = set(zip(found.project.tolist(), found.kind.tolist(), strict=True))
    end = micros(config(1))[1]
    for project in range(0, len(projects.goal), 7):
        until = min(
            projects.deadline_at[project], world(1).campaigns.cancelled_at[project], end + 1
        )
        for kind, after in enumerate(KINDS.values()):
            assert ((project, kind) in pairs) == (projects.launched_at[project] + after < until)


def test_the_longer_one_waits_the_surer_the_truth() -> None:
    # Much is decided late, by the rush to the deadline: the first days settle a fifth of the doubt.
    found = [truth(seed) for seed in SEEDS]
    kinds = np.concatenate([one.kind for one in found])
    doubt = np.concatenate([one.probability * (1 - one.probability) for one in found])
    means = [doubt[kinds == kind].mean() for kind in range(len(KINDS))]
    assert means[0] > 1.1 * means[4]
    assert means[4] > 1.5 * means[6]


def test_a_lower_goal_makes_success_more_likely() -> None:
    block = world(1)
    lower = replace(block, projects=replace(block.projects, goal=block.projects.goal * 7 // 10))
    before, after = truth(1), played(lower, 1, 12, 0)
    assert after.probability.mean() > before.probability.mean() + 0.02
    # Both are estimates: some go down by chance, and few by much.
    assert np.quantile(after.probability - before.probability, 0.02) > -0.25


@cache
def risks(stream: int) -> list[tuple[np.ndarray, np.ndarray]]:
    found = []
    for seed in SEEDS:
        everyone = np.ones(len(world(seed).projects.goal), dtype=np.bool_)
        rng = np.random.default_rng([seed, stream])
        risk = milestone_risks(config(seed), world(seed), everyone, 16, rng)
        found.append((risk.probability, risk.is_high_risk))
    return found


def test_risks_match_frequencies() -> None:
    first, second = risks(0), risks(1)
    assert_calibrated(
        np.concatenate([risk for risk, _ in first]),
        np.concatenate([risk for risk, _ in second]),
        np.concatenate([came_true for _, came_true in first]),
    )


def test_strategies_differ_as_configured_and_not_at_all_without_effect() -> None:
    block, everyone = world(1), np.ones(len(world(1).projects.goal), dtype=np.bool_)
    risk, late = strategy_risks(config(1), block, everyone, 8, np.random.default_rng(1))
    slips = np.array(config(1).strategy_slips)
    assert (np.argsort(np.nanmean(late, axis=1)) == np.argsort(slips)).all()
    assert risk[1].mean() > risk[0].mean() > risk[2].mean()
    plain = replace(config(1), strategy_slips=(0.0, 0.0, 0.0, 0.0))
    risk, _ = strategy_risks(plain, block, everyone, 8, np.random.default_rng(1))
    assert (risk == risk[0]).all()
