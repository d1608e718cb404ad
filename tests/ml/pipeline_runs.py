"""Runs of the stages from ml on, as the pipeline does them, on warehouses with features.

Features are built once per export and AS_OF; then a run is a copy with the history of the run
before in it, the stages of ml in this process, and the SQL of insights as dbt has compiled it.
"""

import csv
import hashlib
import itertools
import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from ml.cli import main
from ml.experiments import designs
from tests.conftest import Workshop
from tests.ml import small_models
from tests.rebuilds import Template, compiled

# two in one week, so that the models of the first can rest at the second
AS_OFS = (datetime(2023, 7, 3, 12), datetime(2023, 7, 6), datetime(2024, 1, 1))
SETTINGS = {
    "as_is": (),
    # another setting of the default candidate of each model: other versions, one champion less
    "other": (("min_samples_leaf = 10 ", "min_samples_leaf = 60 "),),
    "weekly": (("train_every_days = 0 ", "train_every_days = 7 "),),
}
# fewer looks, and fewer windows that are compared: each costs every run a second
_FEWER_LOOKS = ("look_days = 1\n", "look_days = 7\n")
_FEWER_WINDOWS = ("window_days = [90, 30]", "window_days = [90]")
_WALL_CLOCK = (
    *("run_id", "trained_at", "predicted_at", "measured_at", "decided_at", "first_decided_at"),
)
_HISTORY = (
    "select table_name from duckdb_tables() where schema_name = 'ml'"
    " and database_name = 'published'"
)


class Run(NamedTuple):
    """What a run is given."""

    data: str
    as_of: datetime
    settings: str = "as_is"
    truth: bool = False

    def __str__(self) -> str:
        told = f"{self.data} at {self.as_of:%Y-%m-%d}"
        return told + f", {self.settings}" * (self.settings != "as_is") + ", truth" * self.truth


class Pipeline:
    """Makes runs after each other; what was run once is kept."""

    def __init__(self, folder: Path, workshop: Workshop) -> None:
        self._folder, self._workshop = folder, workshop
        self._made: dict[tuple[Run, ...], Path] = {}
        workshop.python(
            *("generator", "--out", folder / "as_is", "--truth", folder / "truth"),
            *("--scale", "1", "--seed", "42"),
        )
        correct(folder / "as_is", folder / "corrected")
        first, *others = itertools.product(("as_is", "corrected"), AS_OFS)
        template = Template.build(workshop, folder / first[0], folder / "template", as_of=first[1])
        self._features = {first: template.database}
        for data, as_of in others:
            kept = folder / f"{data}-{as_of:%Y%m%d}.duckdb"
            shutil.copy(template.rebuild(workshop, folder / data, as_of=as_of), kept)
            self._features[data, as_of] = kept
        workshop.dbt("--log-level-file", "none", "compile", "--selector", "insights")
        self._insights = [
            (model.name, model.sql)
            for model in compiled(workshop.target / "manifest.json")
            if "ml_state" not in model.tags
        ]

    def publish(self, runs: tuple[Run, ...]) -> Path:
        """Returns the warehouse after these runs, one after the other in one folder."""
        if runs not in self._made:
            self._made[runs] = self._run(self.publish(runs[:-1]) if runs[:-1] else None, runs)
        return self._made[runs]

    def _run(self, before: Path | None, runs: tuple[Run, ...]) -> Path:
        run, number = runs[-1], len(runs)
        name = hashlib.md5(" / ".join(map(str, runs)).encode()).hexdigest()[:12]
        folder = self._folder / "runs" / name
        folder.mkdir(parents=True)
        database = folder / "escrow.duckdb"
        shutil.copy(self._features[run.data, run.as_of], database)
        if before:
            carry_over(before, database)
            shutil.copytree(before.parent / "models", folder / "models")
        config = folder / "models.toml"
        text = small_models.text_without_boosting()
        config.write_text(_replaced(text, _FEWER_WINDOWS, *SETTINGS[run.settings]))
        registered = folder / "designs.toml"
        registered.write_text(_replaced(designs.DEFAULT_PATH.read_text(), _FEWER_LOOKS))
        code = main(
            [
                *("train", "predict", "monitor", "amount", "experiment", "bandit"),
                *("--db", str(database)),
                *("--models", str(folder / "models"), "--run-id", f"run-{number}"),
                *("--config", str(config), "--designs", str(registered)),
                *(("--truth", str(self._folder / "truth")) if run.truth else ()),
            ],
            now=lambda: datetime(2030, 1, 1, tzinfo=UTC) + timedelta(hours=number),
        )
        assert code == 0, str(run)
        with duckdb.connect(str(database)) as connection:
            connection.execute("create schema if not exists insights")
            for table, sql in self._insights:
                connection.execute(f"create or replace table {table} as {sql}")
        return database


def _replaced(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def carry_over(published: Path, build: Path) -> None:
    """Copies the history of ml, as landing does."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{published}' as published (read_only); attach '{build}' as b")
        tables = connection.execute(_HISTORY).fetchall()
        assert tables
        for (table,) in tables:
            connection.execute(f"insert into b.ml.{table} from published.ml.{table}")


@cache
def digests(database: Path) -> dict[str, tuple[Any, ...]]:
    """Returns number and digest of the rows that people read, by table, in whatever order."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return {
            table: connection.execute(
                f"select count(*), sum(hash(kept)) from ({sql}) as kept"
            ).fetchall()[0]
            for table, sql in _selections(connection).items()
        }


def rows(database: Path, table: str) -> list[tuple[Any, ...]]:
    """Returns the rows of a table that people read, in order."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(f"{_selections(connection)[table]} order by all").fetchall()


def _selections(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Returns what selects, by table, all that people read, without wall-clock times.

    Of what was kept from an earlier AS_OF, and what the same again was written for this one, only
    the content counts.
    """
    found = {}
    tables = connection.execute(
        """select table_schema, table_name, list(column_name order by ordinal_position)
        from information_schema.columns
        where table_schema in ('core', 'features', 'insights', 'intermediate')
            or table_name like 'stg_%'
        group by all"""
    ).fetchall()
    for schema, name, columns in tables:
        skipped = {*_WALL_CLOCK, *(("as_of",) if schema in ("staging", "intermediate") else ())}
        kept = ", ".join(f'"{column}"' for column in columns if column not in skipped)
        table = f"{schema}.{name}"
        if name in _CURRENT or schema in ("core", "features", "insights"):
            found[table] = f"select {kept} from {table}{_CURRENT.get(name, '')}"
    return found


# of the views of ml what a reader finds by the version in use
_IN_USE = (
    " where (model_name, split_part(model_version, '/', 1)) in (select (model_name, model_version)"
    " from staging.stg_model_runs where as_of = (select as_of from core.warehouse_as_of))"
)
_CURRENT = {
    "int_models_in_use": "",
    "int_bandits_in_use": "",
    "int_predictions_current": "",
    "stg_prediction_reasons": "",
    "stg_prediction_inputs": "",
    "stg_model_metrics": _IN_USE,
    "stg_calibration_curves": _IN_USE,
    "stg_feature_importance": _IN_USE,
    "stg_drift_stats": "",
    "stg_drift_replays": "",
    "stg_experiment_results": "",
    "stg_bandit_posteriors": "",
    "stg_bandit_decisions": "",
    "stg_policy_values": "",
    "int_final_amount_in_use": "",
}


def correct(data: Path, corrected: Path) -> None:
    """Writes the export as corrected: some projects never were, of some live ones pledges are gone.

    At each AS_OF one live project vanishes and one loses half its pledges; a failed one vanishes
    too, so that models learn from other rows.
    """
    shutil.copytree(data, corrected)
    projects = _rows(data / "projects.csv")
    gone, fewer = {next(p["project_id"] for p in projects[20:] if p["cancelled_at"])}, set()
    for as_of in AS_OFS:
        timestamp = as_of.isoformat(" ")
        live = [
            p["project_id"]
            for p in projects
            if p["launched_at"] < timestamp < p["deadline_at"] and not p["cancelled_at"]
        ]
        gone.add(live[0])
        fewer.add(live[1])
    lost = {
        pledge["pledge_id"]
        for pledge in _rows(data / "pledges.csv")
        if pledge["project_id"] in fewer and int(pledge["pledge_id"]) % 2
    }
    milestones = {
        m["milestone_id"] for m in _rows(data / "milestones.csv") if m["project_id"] in gone
    }
    for file in corrected.glob("*.csv"):
        rows = [
            row | ({"pledge_id": ""} if row.get("pledge_id") in lost else {})
            for row in _rows(file)
            if row.get("project_id") not in gone
            and row.get("milestone_id") not in milestones
            and not (file.stem == "pledges" and row["pledge_id"] in lost)
        ]
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def draw(rng: random.Random) -> tuple[Run, ...]:
    """Draws two to four runs; one after the other differs in something."""
    runs: list[Run] = []
    while len(runs) < rng.randint(2, 4):
        run = Run(
            rng.choice(("as_is", "corrected")),
            rng.choice(AS_OFS),
            rng.choice(tuple(SETTINGS)),
            rng.random() < 0.25,
        )
        if not runs or run != runs[-1]:
            runs.append(run)
    return tuple(runs)


def needed(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """Returns the runs that what is published at the end may depend on.

    The last one, and those for earlier timestamps from before its AS_OF was first run for.
    """
    last = runs[-1]
    first = next(place for place, run in enumerate(runs) if run.as_of == last.as_of)
    return (*(run for run in runs[:first] if run.as_of < last.as_of), last)


def shrink(runs: tuple[Run, ...], is_wrong: Callable[[tuple[Run, ...]], bool]) -> tuple[Run, ...]:
    """Drops runs as long as it stays wrong."""
    for place in range(len(runs) - 1):
        fewer = runs[:place] + runs[place + 1 :]
        if is_wrong(fewer):
            return shrink(fewer, is_wrong)
    return runs
