"""A made-up platform, trained and predicted, of which one state after another is published."""

import os
import shutil
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import duckdb

from ml import cli
from tests.conftest import Workshop
from tests.ml import ml_state
from tests.ml.made_world import build_world

PROJECTS = 2_000
_STEPS = 1024  # a power of two: shares of it are exact


class World(NamedTuple):
    """A warehouse folder, and what is live in it."""

    folder: Path
    projects: list[int]
    milestones: list[int]

    def publish(self, step: int) -> None:
        """Publishes a state of which every probability says the step."""
        aside = self.folder / "aside" / "escrow.duckdb"
        aside.parent.mkdir(exist_ok=True)
        shutil.copy(self.folder / "escrow.duckdb", aside)
        with duckdb.connect(str(aside)) as connection:
            connection.execute(f"update ml.predictions set predicted_probability = {step / _STEPS}")
        os.replace(aside, self.folder / "escrow.duckdb")

    def step_of(self, probability: float) -> float:
        """Returns the step of the state that a probability is from."""
        return probability * _STEPS


def built(folder: Path) -> World:
    """Trains the models of models.toml and predicts what is live."""
    ml_state.load(folder, Workshop(folder / "workshop"))
    db = build_world(folder / "escrow.duckdb", project_count=PROJECTS, seed=1)
    places = ("--db", db, "--models", folder / "models")
    with redirect_stdout(StringIO()):
        stages = ["train", "predict", "amount"]
        assert cli.main([*stages, *map(str, places), "--run-id", "benchmark"]) == 0
    with duckdb.connect(str(db), read_only=True) as connection:
        live = [
            [number for (number,) in connection.execute(
                f"select {entity}_id from features.{entity}_features"
                " where snapshot_kind = 'current' order by 1"
            ).fetchall()]
            for entity in ("project", "milestone")
        ]  # fmt: skip
    return World(folder, *live)
