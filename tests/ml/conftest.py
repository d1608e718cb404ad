"""A platform of the made-up world: new, and after one run of all stages."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from ml import settings
from ml.cli import main
from ml.settings import ModelSettings
from tests import declared
from tests.conftest import Workshop, only_worker
from tests.ml import ml_state
from tests.ml.made_world import build_world


class Outcome(NamedTuple):
    """What a call of the command line left behind."""

    code: int
    out: str
    err: str


class Platform:
    """One warehouse folder with a database, a settings file and model files."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str] | None) -> None:
        self.folder, self._capsys = folder, capsys
        self.db, self.models = folder / "escrow.duckdb", folder / "models"
        self.config = folder / "models.toml"

    def run(
        self, *stages: str, run_id: str = "run-1", hour: int = 0, truth: Path | None = None
    ) -> Outcome:
        places = ("--db", str(self.db), "--models", str(self.models), "--config", str(self.config))
        places += ("--truth", str(truth)) if truth else ()
        now = datetime(2030, 1, 1, hour, tzinfo=UTC)
        code = main([*stages, *places, "--run-id", run_id], now=lambda: now)
        out, err = self._capsys.readouterr() if self._capsys else ("", "")
        return Outcome(code, out, err)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.db)) as connection:
            return connection.execute(statement).fetchall()

    def move(self, interval: str = "interval 1 microsecond") -> None:
        """Makes it the platform of a later AS_OF, at which nothing else has happened."""
        self.sql(f"update core.warehouse_as_of set as_of = as_of + {interval}")
        for entity in ("project", "milestone"):
            self.sql(
                f"update features.{entity}_features set snapshot_at = snapshot_at + {interval}"
                " where snapshot_kind = 'current'"
            )

    def edit(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))

    def setting(self, name: str) -> ModelSettings:
        return next(
            model
            for model in settings.load(self.config, declared.catalogue())
            if model.name == name
        )

    def keep_only(self, name: str, *, challenger: bool = True) -> None:
        """Strikes the other model from the settings: what is not asked about costs no training.

        Without its challenger, the version of the default stays what it was.
        """
        text, second = self.config.read_text(), "[models.milestone_risk]"
        first = text.index("[models.project_success]")
        assert 0 < first < text.index(second)
        kept = {"project_success": text[first : text.index(second)]}
        kept["milestone_risk"] = text[text.index(second) :]
        model = kept[name]
        if not challenger:
            model, count = re.subn(r'challengers = \["(\w+)"\]', "challengers = []", model)
            other = {"project_success": "gradient_boosting", "milestone_risk": "random_forest"}
            section = rf"\[models.{name}.hyperparameters.{other[name]}\]\n(.+\n)+\n"
            model, sections = re.subn(section, "", model)
            assert (count, sections) == (1, 1)
        self.config.write_text(text[:first] + model)

    def copy_to(self, folder: Path, capsys: pytest.CaptureFixture[str] | None) -> "Platform":
        shutil.copytree(self.folder, folder)
        return Platform(folder, capsys)


@pytest.fixture(scope="session")
def made_ml_state(shared_folder: Path, lent_workshop: Workshop) -> None:
    """Has dbt make the tables and views of ml, which `ml_state.install` then puts anywhere."""
    ml_state.load(shared_folder, lent_workshop)


@pytest.fixture(scope="session")
def world(made_ml_state: None, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """A platform on which nothing has run yet, with settings that train faster than real ones."""
    platform = Platform(tmp_path_factory.mktemp("world") / "warehouse", None)
    platform.folder.mkdir()
    build_world(platform.db, project_count=800, seed=7)
    text = settings.DEFAULT_PATH.read_text()
    for real, less in (
        ("n_estimators = 200", "n_estimators = 5"),
        ("max_iter = 300", "max_iter = 8"),
        ("max_iter = 150", "max_iter = 8"),
        ("[0.4, 0.6, 0.8]", "[0.6]"),
        ("[0.6, 0.8]", "[0.6]"),
    ):
        assert real in text
        text = text.replace(real, less)
    platform.config.write_text(text)
    return platform


@pytest.fixture(scope="session")
def finished_world(
    world: Platform, shared_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Platform:
    """The same platform after one run of all stages, which one of the workers makes."""
    shared = shared_folder / "finished_world"
    with only_worker(shared):
        made = shared / "warehouse"
        if not made.exists():
            first = world.copy_to(shared / "unfinished", None)
            assert first.run("train", "predict", "monitor").code == 0
            first.folder.rename(made)
    return Platform(made, None).copy_to(tmp_path_factory.mktemp("finished") / "warehouse", None)


@pytest.fixture
def fresh(world: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Platform:
    """A copy to spoil, on which nothing has run yet."""
    return world.copy_to(tmp_path / "warehouse", capsys)


@pytest.fixture
def finished(
    finished_world: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Platform:
    """A copy to spoil, after one run of all stages."""
    return finished_world.copy_to(tmp_path / "warehouse", capsys)
