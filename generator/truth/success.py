"""True success probabilities: campaigns continued many times from each snapshot."""

from dataclasses import dataclass, replace

import numpy as np

from generator.arrays import DAY, HOUR, Bools, Floats, Ints, ascending
from generator.arrivals import arrival_rate, expected_arrivals, room_left
from generator.campaigns import NOT_CANCELLED, CampaignState, draw_random_numbers, simulate_step
from generator.careers import pledge_cap
from generator.config import SimulationConfig
from generator.demand import Demand, resumed_swing
from generator.rhythm import WeeklyRhythm
from generator.world import Block, micros

# Timestamps after launch, in the order of the kinds.
KINDS: dict[str, int] = {
    "launch": 0,
    "h4": 4 * HOUR,
    "h36": 36 * HOUR,
    "d3": 3 * DAY,
    "d6": 6 * DAY,
    "d14": 14 * DAY,
    "d21": 21 * DAY,
}
# Columns played at once: bounds the memory to some 50 MB.
MAX_COLUMNS = 16_384


@dataclass(frozen=True, slots=True)
class Snapshots:
    """One element per project and snapshot.

    Attributes:
        project: Position of the project in the block.
        kind: Position in `KINDS`.
        snapshot_at: Microseconds since 1970.
        is_decided: The goal was reached strictly before.
        probability: Chance of success given all latents and all that happened strictly before.
        continuation_count: Continuations played; 0 where the outcome is certain.
    """

    project: Ints
    kind: Ints
    snapshot_at: Ints
    is_decided: Bools
    probability: Floats
    continuation_count: Ints


@dataclass(frozen=True, slots=True)
class _SnapshotState:
    """Where campaigns stand at a snapshot, and stood when its time step began; one per row."""

    column: Ints
    step: Ints
    remaining: Floats
    raised_before: Ints
    pledged_before: Ints
    raised: Ints
    pledged: Ints

    def rows(self, chosen: Ints) -> "_SnapshotState":
        return _SnapshotState(*(getattr(self, name)[chosen] for name in _SnapshotState.__slots__))


def success_probabilities(
    config: SimulationConfig,
    block: Block,
    is_sampled: Bools,
    continuations: int,
    rhythm: WeeklyRhythm,
    rng: np.random.Generator,
) -> Snapshots:
    """Plays the sampled projects on from each of their snapshots.

    Chance is drawn anew: arrivals and amounts, the random walk of demand from its present level on,
    going viral, giving up. Latents are what a project is made of: its demand, friends, pace,
    prices, and whether its creator has just decided to cancel.
    """
    found = _snapshots(config, block, is_sampled)
    probability = np.empty(len(found.project))
    count = np.zeros(len(found.project), dtype=np.int64)
    begins = np.empty(len(found.project), dtype=np.int64)
    for wave in block.waves:
        column_of = np.full(len(block.projects.goal), -1)
        column_of[wave.rows] = np.arange(len(wave.rows))
        here = np.flatnonzero(column_of[found.project] >= 0)
        column, timestamp = column_of[found.project[here]], found.snapshot_at[here]
        step = (wave.demand.edges[:, column] <= timestamp).sum(axis=0) - 1
        opens_at, closes_at = wave.demand.edges[step, column], wave.demand.edges[step + 1, column]
        begins[here] = opens_at
        read = rhythm.reading
        remaining = (read(closes_at) - read(timestamp)) / (read(closes_at) - read(opens_at))
        raised_before, pledged_before = _pledged_until(block, found, here, opens_at)
        raised, pledged = _pledged_until(block, found, here, timestamp)
        goal = block.projects.goal[found.project[here]]
        is_leaving = block.campaigns.cancelled_at[found.project[here]] < closes_at
        is_open = (raised < goal) & ~is_leaving
        probability[here] = np.where(is_open, np.nan, ~is_leaving)
        found.is_decided[here] = raised >= goal
        at_snapshot = _SnapshotState(
            column, step, remaining, raised_before, pledged_before, raised, pledged
        )
        rows = np.flatnonzero(is_open)
        probability[here[rows]] = _success_shares(
            config, wave.demand, goal[rows], at_snapshot.rows(rows), continuations, rng
        )
        count[here[rows]] = continuations
    return replace(found, probability=probability, continuation_count=count)


def _snapshots(config: SimulationConfig, block: Block, is_sampled: Bools) -> Snapshots:
    """Lists the snapshots there are: before deadline and cancellation, within the recorded time."""
    projects = block.projects
    closed_at = np.minimum(projects.deadline_at, block.campaigns.cancelled_at)
    after = np.array(list(KINDS.values()))
    timestamp = projects.launched_at[:, None] + after
    exists = (
        is_sampled[:, None] & (timestamp < closed_at[:, None]) & (timestamp <= micros(config)[1])
    )
    project, kind = np.nonzero(exists)
    count = len(project)
    return Snapshots(
        project=project,
        kind=kind,
        snapshot_at=timestamp[project, kind],
        is_decided=np.zeros(count, dtype=np.bool_),
        probability=np.full(count, np.nan),
        continuation_count=np.zeros(count, dtype=np.int64),
    )


def _pledged_until(
    block: Block, found: Snapshots, here: Ints, timestamp: Ints
) -> tuple[Ints, Ints]:
    """Returns cents and number of pledges strictly before a timestamp of each snapshot `here`."""
    pledges, count = block.pledges, len(block.projects.goal)
    raised, pledged = np.zeros(len(here), dtype=np.int64), np.zeros(len(here), dtype=np.int64)
    for kind in range(len(KINDS)):
        rows = np.flatnonzero(found.kind[here] == kind)
        until = np.full(count, np.iinfo(np.int64).min)
        until[found.project[here[rows]]] = timestamp[rows]
        is_counted = pledges.pledged_at < until[pledges.project]
        project = pledges.project[is_counted]
        cents = np.bincount(project, pledges.amount[is_counted], count).astype(np.int64)
        raised[rows] = cents[found.project[here[rows]]]
        pledged[rows] = np.bincount(project, minlength=count)[found.project[here[rows]]]
    return raised, pledged


def _success_shares(
    config: SimulationConfig,
    demand: Demand,
    goal: Ints,
    at_snapshot: _SnapshotState,
    continuations: int,
    rng: np.random.Generator,
) -> Floats:
    """Returns the share of continuations in which each campaign succeeds."""
    share = np.empty(len(goal))
    order = ascending(at_snapshot.step)
    size = max(1, MAX_COLUMNS // continuations)
    for begin in range(0, len(order), size):
        rows = order[begin : begin + size]
        is_success = _successes(
            config, demand, goal[rows], at_snapshot.rows(rows), continuations, rng
        )
        share[rows] = is_success.mean(axis=0)
    return share


def _successes(
    config: SimulationConfig,
    demand: Demand,
    goal: Ints,
    at_snapshot: _SnapshotState,
    times: int,
    rng: np.random.Generator,
) -> Bools:
    """Simulates n rows to their ends and returns which of them succeed, shape (times, n)."""
    first = max(0, int(at_snapshot.step.min()) - 1)
    start = at_snapshot.step - first
    demand = demand.taken(at_snapshot.column, first)
    elapsed = np.tile(demand.elapsed[start, np.arange(len(start))], times)
    draws = draw_random_numbers(config, len(demand.base_share), elapsed, rng)
    state = CampaignState(
        raised=np.tile(at_snapshot.raised, times),
        pledged=np.tile(at_snapshot.pledged, times),
        cancelled_at=np.full(len(elapsed), NOT_CANCELLED),
    )
    goals, shape, cap = np.tile(goal, times), (times, len(goal)), pledge_cap(config)
    expected = expected_arrivals(config, demand)
    # At the edge of a time step nothing of it has been seen yet.
    known = np.where(at_snapshot.remaining < 1, start, start - 1)
    for step, swing in enumerate(resumed_swing(config, demand, known, times, rng)):
        is_first = start == step
        raised = np.where(is_first, at_snapshot.raised_before, state.raised.reshape(shape))
        pledged = np.where(is_first, at_snapshot.pledged_before, state.pledged.reshape(shape))
        rate, fewer = arrival_rate(config, demand, expected, step, goal, swing=swing, raised=raised)
        rate *= np.where(is_first, at_snapshot.remaining, start < step)
        simulate_step(
            config,
            demand,
            step,
            goals,
            draws,
            state,
            rate=rate.ravel(),
            room=room_left(pledged.ravel(), cap) * fewer.ravel(),
            pledge_cap=cap,
        )
    is_success: Bools = (state.raised >= goals) & (state.cancelled_at == NOT_CANCELLED)
    return is_success.reshape(shape)
