"""A warehouse with the three tables that the analysis of experiments reads, filled by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ml.cli import main
from ml.experiments import designs
from ml.experiments.designs import Design
from ml.warehouse import read_warehouse
from tests.ml import ml_state

START = datetime(2023, 11, 6)
DAY = timedelta(days=1)
NAME = "highlight_projects"

DDL = """
create schema core;
create table core.warehouse_as_of (as_of timestamp);
create table core.fct_experiment_exposures (
    exposure_id bigint, experiment varchar, variant varchar, backer_id bigint, project_id bigint,
    exposed_at timestamp, pledge_id bigint);
create table core.fct_pledges (
    pledge_id bigint, project_id bigint, backer_id bigint, amount decimal(18,2),
    pledged_at timestamp);
"""


class Exposure(NamedTuple):
    """One view and, if it converted, the pledge it led to."""

    exposure_id: int
    variant: str
    backer_id: int
    project_id: int
    exposed_at: datetime
    pledge_id: int | None = None
    experiment: str = NAME


class Pledge(NamedTuple):
    """One pledge, whatever led to it."""

    pledge_id: int
    project_id: int
    backer_id: int
    amount: float
    pledged_at: datetime


class Lab:
    """A warehouse file for one test."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.db, self.designs = folder / "escrow.duckdb", folder / "designs.toml"
        self.designs.write_text(designs.DEFAULT_PATH.read_text())

    def fill(
        self,
        exposures: list[Exposure],
        pledges: list[Pledge],
        *,
        as_of: datetime = START + 56 * DAY,
    ) -> None:
        """Writes what an export taken at `as_of` holds."""
        self.db.unlink(missing_ok=True)
        known = {pledge.pledge_id for pledge in pledges if pledge.pledged_at < as_of}
        seen = [
            each if each.pledge_id in known else each._replace(pledge_id=None)
            for each in exposures
            if each.exposed_at < as_of
        ]
        with duckdb.connect(str(self.db)) as connection:
            connection.execute(DDL)
            ml_state.install(connection)
            connection.execute("insert into core.warehouse_as_of values (?)", [as_of])
            made = [each for each in pledges if each.pledge_id in known]
            for table, rows, kind in (
                ("fct_experiment_exposures", seen, Exposure),
                ("fct_pledges", made, Pledge),
            ):
                columns = {name: [getattr(row, name) for row in rows] for name in kind._fields}
                incoming = pa.table(columns)
                connection.register("incoming", incoming)
                connection.execute(f"insert into core.{table} by name from incoming")
                connection.unregister("incoming")

    def run(self, *, hour: int = 0) -> Any:
        """Runs the stage and returns code, what it printed, and its errors."""
        code = main(
            [
                *("experiment", "--db", str(self.db), "--models", str(self.folder)),
                *("--run-id", "run", "--designs", str(self.designs)),
            ],
            now=lambda: datetime(2030, 1, 1, hour, tzinfo=UTC),
        )
        return code, *self._capsys.readouterr()

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.db)) as connection:
            return connection.execute(statement).fetchall()

    def open(self) -> Any:
        return read_warehouse(self.db)

    def edit(self, old: str, new: str) -> None:
        text = self.designs.read_text()
        assert old in text
        self.designs.write_text(text.replace(old, new))


@pytest.fixture
def lab(made_ml_state: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Lab:
    return Lab(tmp_path, capsys)


@pytest.fixture
def design() -> Design:
    """The registered design, with an arm large enough at ten backers."""
    return replace(designs.load().registered[NAME], min_backers=10)


def draw_world(
    rng: np.random.Generator,
    *,
    backers: int = 400,
    base: float = 0.05,
    lift: float = 0.0,
    treated: float = 0.5,
    days: int = 56,
) -> tuple[list[Exposure], list[Pledge]]:
    """Views over `days`, pledges by them, and pledges from elsewhere before and after."""
    exposures: list[Exposure] = []
    pledges: list[Pledge] = []
    for backer_id in range(backers):
        is_treated = rng.random() < treated
        rate = base * (1 + lift * is_treated)
        for _ in range(1 + rng.poisson(12)):
            exposed_at = START + days * DAY * rng.random()
            project_id, pledge_id = int(rng.integers(40)), None
            if rng.random() < rate:
                pledge_id = len(pledges)
                delay = DAY * float(rng.exponential(0.5)) + timedelta(seconds=1)
                amount = round(float(rng.lognormal(3, 1)) + 0.01, 2)
                pledges.append(Pledge(pledge_id, project_id, backer_id, amount, exposed_at + delay))
            exposures.append(
                Exposure(
                    len(exposures),
                    "treatment" if is_treated else "control",
                    backer_id,
                    project_id,
                    exposed_at,
                    pledge_id,
                )
            )
        for _ in range(rng.poisson(1.5)):
            moment = START + DAY * float(rng.uniform(-400, days))
            amount = round(float(rng.lognormal(3, 1)) + 0.01, 2)
            pledges.append(Pledge(len(pledges), int(rng.integers(60)), backer_id, amount, moment))
    return exposures, pledges
