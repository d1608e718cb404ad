"""True success probabilities: campaigns played on many times from where they stand."""

from dataclasses import dataclass, replace

import numpy as np

from generator.arrays import DAY, HOUR, Bools, Floats, Ints, ascending
from generator.arrivals import arrival_rate, expected_flow, room_left
from generator.campaigns import NOT_CANCELLED, Course, draw_luck, play_step
from generator.careers import pledge_cap
from generator.config import SimulationConfig
from generator.demand import Demand, resumed_swing
from generator.rhythm import WeeklyRhythm
from generator.world import Block, micros

# Moments after launch, in the order of the kinds.
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
MOST_COLUMNS = 16_384


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
class _State:
    """Where campaigns stand at a snapshot, and stood when its time step began; one per row."""

    column: Ints
    step: Ints
    remaining: Floats
    raised_before: Ints
    pledged_before: Ints
    raised: Ints
    pledged: Ints

    def rows(self, chosen: Ints) -> "_State":
        return _State(*(getattr(self, name)[chosen] for name in _State.__slots__))


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
        column, moment = column_of[found.project[here]], found.snapshot_at[here]
        step = (wave.demand.edges[:, column] <= moment).sum(axis=0) - 1
        opens_at, closes_at = wave.demand.edges[step, column], wave.demand.edges[step + 1, column]
        begins[here] = opens_at
        read = rhythm.reading
        remaining = (read(closes_at) - read(moment)) / (read(closes_at) - read(opens_at))
        raised_before, pledged_before = _pledged_until(block, found, here, opens_at)
        raised, pledged = _pledged_until(block, found, here, moment)
        goal = block.projects.goal[found.project[here]]
        is_leaving = block.campaigns.cancelled_at[found.project[here]] < closes_at
        is_open = (raised < goal) & ~is_leaving
        probability[here] = np.where(is_open, np.nan, ~is_leaving)
        found.is_decided[here] = raised >= goal
        state = _State(column, step, remaining, raised_before, pledged_before, raised, pledged)
        rows = np.flatnonzero(is_open)
        probability[here[rows]] = _played_on(
            config, wave.demand, goal[rows], state.rows(rows), continuations, rng
        )
        count[here[rows]] = continuations
    return replace(found, probability=probability, continuation_count=count)


def _snapshots(config: SimulationConfig, block: Block, is_sampled: Bools) -> Snapshots:
    """Lists the snapshots there are: before deadline and cancellation, within the recorded time."""
    projects = block.projects
    closed_at = np.minimum(projects.deadline_at, block.campaigns.cancelled_at)
    after = np.array(list(KINDS.values()))
    moment = projects.launched_at[:, None] + after
    exists = is_sampled[:, None] & (moment < closed_at[:, None]) & (moment <= micros(config)[1])
    project, kind = np.nonzero(exists)
    count = len(project)
    return Snapshots(
        project=project,
        kind=kind,
        snapshot_at=moment[project, kind],
        is_decided=np.zeros(count, dtype=np.bool_),
        probability=np.full(count, np.nan),
        continuation_count=np.zeros(count, dtype=np.int64),
    )


def _pledged_until(block: Block, found: Snapshots, here: Ints, moment: Ints) -> tuple[Ints, Ints]:
    """Returns cents and number of the pledges strictly before a moment of each snapshot `here`."""
    pledges, count = block.pledges, len(block.projects.goal)
    raised, pledged = np.zeros(len(here), dtype=np.int64), np.zeros(len(here), dtype=np.int64)
    for kind in range(len(KINDS)):
        rows = np.flatnonzero(found.kind[here] == kind)
        until = np.full(count, np.iinfo(np.int64).min)
        until[found.project[here[rows]]] = moment[rows]
        is_counted = pledges.pledged_at < until[pledges.project]
        project = pledges.project[is_counted]
        cents = np.bincount(project, pledges.amount[is_counted], count).astype(np.int64)
        raised[rows] = cents[found.project[here[rows]]]
        pledged[rows] = np.bincount(project, minlength=count)[found.project[here[rows]]]
    return raised, pledged


def _played_on(
    config: SimulationConfig,
    demand: Demand,
    goal: Ints,
    state: _State,
    continuations: int,
    rng: np.random.Generator,
) -> Floats:
    """Returns the share of continuations in which each campaign succeeds."""
    share = np.empty(len(goal))
    order = ascending(state.step)
    size = max(1, MOST_COLUMNS // continuations)
    for begin in range(0, len(order), size):
        rows = order[begin : begin + size]
        is_success = _continued(config, demand, goal[rows], state.rows(rows), continuations, rng)
        share[rows] = is_success.mean(axis=0)
    return share


def _continued(
    config: SimulationConfig,
    demand: Demand,
    goal: Ints,
    state: _State,
    times: int,
    rng: np.random.Generator,
) -> Bools:
    """Plays n rows to their ends and tells which of them succeed, shape (times, n)."""
    first = max(0, int(state.step.min()) - 1)
    start = state.step - first
    demand = demand.taken(state.column, first)
    elapsed = np.tile(demand.elapsed[start, np.arange(len(start))], times)
    luck = draw_luck(config, len(demand.base_share), elapsed, rng)
    course = Course(
        raised=np.tile(state.raised, times),
        pledged=np.tile(state.pledged, times),
        cancelled_at=np.full(len(elapsed), NOT_CANCELLED),
    )
    goals, shape, cap = np.tile(goal, times), (times, len(goal)), pledge_cap(config)
    flow = expected_flow(config, demand)
    # At the edge of a time step nothing of it has been seen yet.
    known = np.where(state.remaining < 1, start, start - 1)
    for step, swing in enumerate(resumed_swing(config, demand, known, times, rng)):
        is_first = start == step
        raised = np.where(is_first, state.raised_before, course.raised.reshape(shape))
        pledged = np.where(is_first, state.pledged_before, course.pledged.reshape(shape))
        rate = arrival_rate(config, demand, flow, step, goal, swing=swing, raised=raised)
        rate *= np.where(is_first, state.remaining, start < step)
        play_step(
            config,
            demand,
            step,
            goals,
            luck,
            course,
            rate=rate.ravel(),
            room=room_left(pledged.ravel(), cap),
            pledge_cap=cap,
        )
    is_success: Bools = (course.raised >= goals) & (course.cancelled_at == NOT_CANCELLED)
    return is_success.reshape(shape)
