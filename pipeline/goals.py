"""Goals beside the plan: a stage of ml by itself, a backtest, the truth of a generated platform."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from pathlib import Path

from pipeline.database import DatabaseError, connect, scalar
from pipeline.errors import CallError, StageFailedError
from pipeline.paths import PROJECT, Paths
from pipeline.plan import Command, ml
from pipeline.runner import Runner
from pipeline.screen import short, show


def single_ml_stage(name: str) -> Callable[[Runner], None]:
    """Returns the goal that runs one stage of ml on a validated build.

    Rows that it adds are history like any other: the next run does ml again and publishes them. If
    it adds none to what is published, everything stays up to date.
    """

    def run(runner: Runner) -> None:
        runner.bring_up_to_date("validate")
        command = ml(runner.context, name)
        if name == "monitor" and runner.context.settings["FAIL_ON_ALERT"] == "1":
            command.append("--fail-on-alert")
        _add_history(runner, name, command, done_again_from="ml")

    return run


def _add_history(runner: Runner, name: str, command: Command, *, done_again_from: str) -> None:
    """Runs a command on the build; what is published stays up to date if it adds no row."""
    paths, state = runner.context.paths, runner.state
    before = deepcopy(state.database)
    runner.open_build()
    runner.forget_from(done_again_from)
    try:
        runner.run_command(name, [command], "asked for")
    finally:
        if before.is_published and _has_same_history(paths):
            state.database = before
            paths.build.unlink()
        else:
            state.mark_database()
        state.save()


def _has_same_history(paths: Paths) -> bool:
    try:
        return _ml_rows(paths.build) == _ml_rows(paths.published)
    except DatabaseError:  # the stage was killed in the middle of writing
        return False


def _ml_rows(database: Path) -> dict[str, int]:
    """The number of rows in each table of ml; history is only ever added to."""
    with closing(connect(database, read_only=True)) as con:
        tables = con.execute(
            "select table_name from duckdb_tables() where schema_name = 'ml' order by all"
        ).fetchall()
        return {name: scalar(con, f'select count(*) from ml."{name}"') for (name,) in tables}


def backtest(runner: Runner) -> None:
    """Replays the models at earlier timestamps, then publishes what they would have predicted.

    Raises:
        CallError: The period is not given.
    """
    settings = runner.context.settings
    first, last, every = (settings[name] for name in ("FROM", "TO", "EVERY"))
    if not (first and last):
        raise CallError("backtest: no period given, e.g. FROM=2022-07-01 TO=2023-07-01 EVERY=1mo")
    runner.bring_up_to_date("ml")
    command = [
        *("ml.modeling.backtest", "--db", str(runner.context.paths.build)),
        *("--from", first, "--to", last),
        *("--every", every, "--run-id", runner.context.run_id),
    ]
    _add_history(runner, "backtest", command, done_again_from="online")
    runner.bring_up_to_date("pages")


def truth(runner: Runner) -> None:
    """Writes what a generated platform hides, and how well a strong learner predicts it.

    The platform, and a ten times larger one, are built in warehouses of their own, which go again.

    Raises:
        CallError: The data are an export, of which nobody knows the truth.
    """
    context, settings = runner.context, runner.context.settings
    if settings["DATA"]:
        raise CallError(
            f"truth: DATA={settings['DATA']} is an export; only a generated platform has a truth"
        )
    folder = context.paths.root / "truth" / settings.platform
    data, same, larger = (folder.with_name(folder.name + end) for end in (".data", ".same", ".10x"))
    generate = [
        *("generator", "--scale", settings["SCALE"], "--seed", settings["SEED"]),
        *("--scenario", settings["SCENARIO"], "--format", settings.file_format),
        *("--out", str(data), "--truth", str(folder)),
    ]
    compare = ["generator.truth", "--truth", str(folder), "--data", str(data)]
    ceiling = [
        *("ml.modeling.ceiling", "--truth", str(folder)),
        *("--db", str(same / "build" / "escrow.duckdb")),
        *("--larger", str(larger / "build" / "escrow.duckdb")),
    ]
    shutil.rmtree(folder, ignore_errors=True)  # the generator replaces no file but its own
    try:
        runner.run_command("truth", [generate, compare], "asked for")
        _features(runner, DATA=str(data), WAREHOUSE=str(same))
        scale, seed = 10 * int(settings["SCALE"]), 1000 + int(settings["SEED"])
        _features(runner, SCALE=str(scale), SEED=str(seed), WAREHOUSE=str(larger))
        runner.run_command("truth", [ceiling], "asked for")
    finally:
        for each in (data, same, larger):
            shutil.rmtree(each, ignore_errors=True)
    where = short(folder)
    show("truth", f"-> {where}; make run TRUTH={where} shows the models beside it")


def _features(runner: Runner, **values: str) -> None:
    """Builds core and features in another warehouse, by the pipeline itself."""
    chosen = runner.context.settings.changed(AS_OF="", ON_BAD_ROWS="reject", **values)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pipeline", "features"),
            *(f"{name}={value}" for name, value in chosen.values.items()),
        ],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise StageFailedError("truth: the features could not be built; see above", done.returncode)
