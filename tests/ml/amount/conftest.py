"""Made-up campaigns as arrays, and a small warehouse on which the stage runs cheaply."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from ml import settings as model_settings
from ml.amount import settings, stage
from ml.amount.rows import Snapshots, log_share
from ml.amount.settings import AmountSettings
from ml.amount.stage import Found
from ml.context import RunContext
from ml.settings import Features
from ml.warehouse import open_warehouse
from tests import declared
from tests.ml.made_world import build_world

FEATURES = Features(("share",), ())
START = np.datetime64("2022-01-01", "us")


def cheap() -> AmountSettings:
    """The settings of the repository with a small forest."""
    real = settings.load(settings.DEFAULT_PATH)
    return real.model_copy(
        update={"forest": settings.Forest(
            n_estimators=8, min_samples_leaf=10, max_features=1.0, max_samples=8000,
            draws_per_leaf=5,
        )}
    )  # fmt: skip


def campaigns(count: int, *, seed: int, first_id: int = 0, first_day: float = 0) -> Snapshots:
    """Snapshots one and ten days after launch; a quarter of all gets nothing more afterwards.

    The rest grows by a factor whose spread depends on what is pledged.
    """
    rng = np.random.default_rng(seed)
    share = rng.lognormal(-1.5, 1, count)
    is_over = rng.random(count) < 0.25
    growth = np.where(is_over, 0, np.abs(rng.normal(0.3, 0.2 + 0.5 * (share > 0.2), count)))
    launched_at = START + ((first_day + np.sort(rng.random(count)) * 600) * 86_400e6).astype(int)
    parts = []
    for kind, day, left in (("d1", 1, 1.0), ("d10", 10, 0.4)):
        at_goal = np.full(count, 1000.0)
        log_pledged = log_share(1000 * share, at_goal)
        parts.append(dict(
            project_id=first_id + np.arange(count), kind=np.full(count, kind),
            launched_at=launched_at, closed_at=launched_at + np.timedelta64(30, "D"),
            goal=at_goal, log_final=log_pledged + left * growth, log_pledged=log_pledged,
            elapsed_ratio=np.full(count, day / 30), age_days=np.full(count, float(day)),
        ))  # fmt: skip
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    frame = pd.DataFrame({"share": np.tile(share, 2), "age_days": whole["age_days"]})
    return Snapshots(features=frame, **whole)


class Platform:
    """A small warehouse, and the stage on it."""

    def __init__(self, path: Path) -> None:
        self.path, self._hour = path, 0

    def run(self, given: AmountSettings | None = None) -> Found:
        self._hour += 1
        now = datetime(2030, 1, 1) + timedelta(hours=self._hour)
        models = model_settings.load(model_settings.DEFAULT_PATH, declared.catalogue())
        with open_warehouse(self.path) as warehouse:
            context = RunContext(f"run-{self._hour}", now)
            folder = self.path.parent / "models"
            return stage.run(given or cheap(), models[0], warehouse, context, models=folder)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def make_platform(made_ml_state: None, tmp_path: Path) -> Callable[[int], Platform]:
    """Builds a platform of so many projects."""

    def make(projects: int) -> Platform:
        path = tmp_path / f"{projects}" / "escrow.duckdb"
        path.parent.mkdir()
        build_world(path, project_count=projects, seed=7)
        return Platform(path)

    return make
