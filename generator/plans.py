"""Milestones as they are planned at launch: due dates, and amounts by release strategy."""

from dataclasses import dataclass

import numpy as np

from generator.arrays import DAY, Ints, members, place_in_group
from generator.config import SimulationConfig
from generator.launches import Projects

SHORTEST_PLAN = 14 * DAY


@dataclass(frozen=True, slots=True)
class Plan:
    """One element per planned milestone of a block, by project and number.

    Attributes:
        project: Position of the project in the block.
        number: 1, 2 ... within the project.
        amount: Cents of the goal released at its approval.
        planned: Microseconds of work planned.
        due_at: Microseconds since 1970.
    """

    project: Ints
    number: Ints
    amount: Ints
    planned: Ints
    due_at: Ints


def plan_milestones(config: SimulationConfig, projects: Projects, rng: np.random.Generator) -> Plan:
    """Plans all milestones at launch: dates after the deadline, amounts by release strategy."""
    first = np.cumsum(projects.milestone_count) - projects.milestone_count
    project, _ = members(first, projects.milestone_count)
    number = place_in_group(project) + 1
    shape = config.planned_shape
    days = rng.gamma(shape, config.planned_days / shape, len(project))
    planned = SHORTEST_PLAN + np.round(days).astype(np.int64) * DAY
    total = np.cumsum(planned)
    before = (total - planned)[first][project]
    return Plan(
        project=project,
        number=number,
        amount=tranches(
            projects.goal[project],
            number,
            projects.milestone_count[project],
            projects.strategy[project],
        ),
        planned=planned,
        due_at=projects.deadline_at[project] + total - before,
    )


def tranches(goal: Ints, number: Ints, count: Ints, strategy: Ints) -> Ints:
    """Splits goals over milestones to the cent; what rounding leaves goes to the last one.

    Args:
        goal: Cents of the milestone's project.
        number: 1..count, all milestones of a project together and in order.
        count: Milestones of the project.
        strategy: Position of the project's release strategy.

    Returns:
        Cents per milestone.
    """
    steps = count * (count + 1) // 2
    parts = np.stack([np.ones_like(count), count - number + 1, number, np.full_like(count, 4)])
    wholes = np.stack([count, steps, steps, 5 * count])
    index = np.arange(len(goal))
    amount = goal * parts[strategy, index] // wholes[strategy, index]
    running = np.cumsum(amount)
    begin = index - number + 1
    before = running[begin] - amount[begin]
    is_last = number == count
    amount[is_last] += (goal - (running - before))[is_last]
    return amount
