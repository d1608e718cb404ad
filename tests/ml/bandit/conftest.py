"""A platform whose whole future is known, and warehouses of it at any moment."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ml.bandit import bandit, settings
from ml.bandit.bandit import Decided
from ml.bandit.settings import ARMS, BanditSettings
from ml.context import RunContext
from ml.warehouse import open_warehouse
from tests.ml import ml_state

DAY = 86_400_000_000
STARTS_AT = datetime(2022, 1, 1)
AS_OF = datetime(2023, 7, 1)

# What the warehouse at a moment shows of the whole future.
TABLES = """
create schema core;
create table core.warehouse_as_of as select $as_of::timestamp as as_of;
create table core.dim_projects as
    select
        project_id, launched_at, funding_goal::decimal(18, 2) as funding_goal,
        release_strategy::varchar as release_strategy,
        case when is_funded and deadline_at <= $as_of then deadline_at end as funded_at
    from projects where launched_at < $as_of;
create table core.fct_milestones as
    select
        milestone_id, project_id, milestone_number, due_at,
        funding_amount::decimal(18, 2) as funding_amount,
        case when started_at < $as_of then started_at end as started_at,
        due_at + interval 14 day as grace_ends_at,
        case when submitted_at < $as_of then submitted_at end as submitted_at,
        case when resolved_at < $as_of then resolved_at end as resolved_at,
        case when resolved_at < $as_of then resolution end as resolution
    from milestones semi join core.dim_projects using (project_id);
"""


class Future:
    """Projects and milestones to their end, as Arrow tables, and the settings to learn with."""

    def __init__(self, projects: pa.Table, milestones: pa.Table) -> None:
        self.projects, self.milestones = projects, milestones

    def at(self, moment: datetime, path: Path) -> "Platform":
        """Writes the warehouse of a moment."""
        with duckdb.connect(str(path)) as connection:
            connection.register("projects", self.projects)
            connection.register("milestones", self.milestones)
            for statement in TABLES.split(";\n")[:-1]:
                values = {"as_of": moment} if "$as_of" in statement else None
                connection.execute(statement, values)
            ml_state.install(connection)
        return Platform(path)


class Platform:
    """One warehouse file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def decide(self, chosen: BanditSettings, *, run: int = 1) -> Decided:
        with open_warehouse(self.path) as warehouse:
            now = datetime(2030, 1, run)
            return bandit.run(chosen, warehouse, RunContext(f"run-{run}", now))

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(statement).fetchall()


def draw_future(*, count: int, seed: int) -> Future:
    """Every second project is funded and has three milestones; the last strategy delivers best."""
    rng = np.random.default_rng(seed)
    first = int(np.datetime64(STARTS_AT, "us").astype(int))
    launched = np.sort(first + rng.integers(0, 540 * DAY, count))
    arm, is_funded = rng.integers(0, 4, count), rng.random(count) < 0.5
    deadline = launched + 30 * DAY
    start, parts = np.where(is_funded, deadline, -1), []
    for number in range(1, 4):
        due = deadline + 30 * DAY * number
        is_on_time = rng.random(count) < np.array([0.5, 0.4, 0.6, 0.85])[arm]
        is_approved = is_on_time | (rng.random(count) < 0.6)
        has_started = start >= 0
        delay = np.where(is_on_time, -2, rng.integers(20, 60, count)) * DAY
        resolved = np.maximum(start, due + delay) + 1
        parts.append(
            {
                "project_id": np.arange(1, count + 1), "milestone_number": np.full(count, number),
                "due_at": moments(due, due >= 0), "funding_amount": np.full(count, 100.0),
                "started_at": moments(start, has_started),
                "submitted_at": moments(resolved - DAY // 2, has_started),
                "resolved_at": moments(resolved, has_started),
                "resolution": np.where(is_approved, "approved", "rejected"),
            }
        )  # fmt: skip
        start = np.where(has_started & is_approved, resolved, -1)
    milestones = pa.concat_tables([pa.table(part) for part in parts])
    milestones = milestones.append_column("milestone_id", pa.array(range(1, 3 * count + 1)))
    projects = pa.table({
        "project_id": np.arange(1, count + 1), "launched_at": moments(launched, launched >= 0),
        "deadline_at": moments(deadline, deadline >= 0), "is_funded": is_funded,
        "funding_goal": np.full(count, 300.0), "release_strategy": np.array(ARMS)[arm],
    })  # fmt: skip
    return Future(projects, milestones)


def moments(values: Any, known: Any) -> pa.Array:
    return pa.array(np.asarray(values, dtype=np.int64), pa.timestamp("us"), mask=~known)


@pytest.fixture(scope="session")
def future(made_ml_state: None) -> Future:
    return draw_future(count=900, seed=5)


@pytest.fixture(scope="session")
def chosen() -> BanditSettings:
    """The settings of the repository."""
    return settings.load(settings.DEFAULT_PATH)


@pytest.fixture
def platform(future: Future, tmp_path: Path) -> Platform:
    return future.at(AS_OF, tmp_path / "escrow.duckdb")


@pytest.fixture
def write_history(made_ml_state: None, tmp_path: Path) -> Callable[..., Platform]:
    """Writes a warehouse from few hand-made projects and milestones, given as rows."""

    def write(projects: list[dict[str, Any]], milestones: list[dict[str, Any]]) -> Platform:
        base = {"funding_goal": 100, "is_funded": True, "release_strategy": ARMS[0]}
        rows = [{"launched_at": STARTS_AT, "deadline_at": STARTS_AT} | base | p for p in projects]
        empty = {"submitted_at": None, "resolved_at": None, "resolution": None, "started_at": None}
        started = [empty | {"milestone_id": n} | m for n, m in enumerate(milestones)]
        schema = pa.schema(
            [
                *((name, pa.int64()) for name in
                    ("milestone_id", "project_id", "milestone_number")),
                *((name, pa.timestamp("us")) for name in
                    ("due_at", "started_at", "submitted_at", "resolved_at")),
                ("funding_amount", pa.float64()), ("resolution", pa.string()),
            ]
        )  # fmt: skip
        future = Future(pa.Table.from_pylist(rows), pa.Table.from_pylist(started, schema))
        return future.at(AS_OF, tmp_path / "history.duckdb")

    return write


def days(number: float) -> datetime:
    """A moment, in days after the start of the platform."""
    return STARTS_AT + timedelta(days=number)
