"""Truth files: beside the data, with them or not at all, and what is said about them."""

import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from generator import cli
from generator.cli import generate
from generator.config import SimulationConfig
from generator.highlighting import budget_loss
from generator.output import OutputError, Target, writing
from generator.schemas import SCHEMAS
from generator.truth import __main__ as truth
from generator.truth.experiment import (
    ALL,
    ASSIGNED,
    NONE,
    ArmTotals,
    counterfactual_blocks,
    lift_of,
)
from generator.truth.schemas import TRUTH_SCHEMAS
from generator.truth.tables import TruthRecorder
from generator.world import Block, simulate
from tests.forks import FORKS

CONFIG = SimulationConfig(scale=2, block_scale=1, seed=5, scenario="bot_pledges")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A world of two blocks with bots, and its truth."""
    place = tmp_path_factory.mktemp("world")
    generate(CONFIG, place / "data", "parquet", truth=place / "truth", continuations=4)
    return place / "data", place / "truth"


@pytest.fixture(scope="module")
def database(folders: tuple[Path, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for folder in folders:
            for path in folder.iterdir():
                connection.execute(f"create view {path.stem} as from read_parquet('{path}')")
        yield connection


def value(database: duckdb.DuckDBPyConnection, query: str) -> object:
    row = database.execute(query).fetchone()
    assert row
    return row[0]


def test_truth_is_written_beside_data_that_know_nothing_of_it(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    data, beside = folders
    assert sorted(path.stem for path in beside.iterdir()) == sorted(TRUTH_SCHEMAS)
    generate(CONFIG, tmp_path / "plain", "parquet")
    for name in SCHEMAS:
        plain = (tmp_path / "plain" / f"{name}.parquet").read_bytes()
        assert plain == (data / f"{name}.parquet").read_bytes()


def test_no_truth_file_has_the_name_of_a_table() -> None:
    assert all(name.startswith("truth_") for name in TRUTH_SCHEMAS)
    assert not set(TRUTH_SCHEMAS) & set(SCHEMAS)


@pytest.mark.parametrize(
    ("table", "key", "source"),
    [
        ("truth_creators", "creator_id", "creators"),
        ("truth_backers", "backer_id", "backers"),
        ("truth_projects", "project_id", "projects"),
        ("truth_exposures", "exposure_id", "experiment_exposures"),
    ],
)
def test_there_is_one_truth_per_row(
    database: duckdb.DuckDBPyConnection, table: str, key: str, source: str
) -> None:
    query = f"select count(*) from {source} full join {table} using ({key}) where "
    missing = f"{source}.{key} is null or {table}.{key} is null"
    assert value(database, query + missing) == 0
    rows = value(database, f"select count(*) from {source}")
    assert value(database, f"select count(*) from {table}") == rows


def test_outcomes_follow_from_the_recorded_pledges(database: duckdb.DuckDBPyConnection) -> None:
    query = """
        select count(*) from projects
        join truth_projects using (project_id)
        left join (select project_id, sum(amount) as raised from pledges group by all)
            using (project_id)
        where deadline_at < timestamptz '2024-01-01'
            and (final_amount <> coalesce(raised, 0)
                or is_successful <> (cancelled_at is null and final_amount >= funding_goal))"""
    assert value(database, query) == 0


def test_milestones_and_their_risks_agree_with_the_data(
    database: duckdb.DuckDBPyConnection,
) -> None:
    query = """
        select count(*) from truth_milestones
        join milestones using (milestone_id, project_id)
        where started_at >= submitted_at
            or due_at < timestamptz '2023-12-01'
                and is_high_risk <> (resolution is distinct from 'approved'
                    or resolved_at > due_at + interval 14 days)"""
    assert value(database, query) == 0
    assert value(database, "select count(*) from truth_milestones") > 200


def test_bots_are_named(database: duckdb.DuckDBPyConnection) -> None:
    query = "select count(*), min(amount), max(amount), min(pledged_at) from pledges"
    named = database.execute(f"{query} semi join truth_bot_pledges using (pledge_id)").fetchone()
    assert named
    assert named[0] > 100
    assert named[1] == named[2] == 1
    onset = value(
        database, "select value::timestamp from truth_settings where name = 'scenario_begins_at'"
    )
    assert named[3].replace(tzinfo=None) > onset


def test_settings_say_what_world_it_is(database: duckdb.DuckDBPyConnection) -> None:
    rows = database.execute("select name, value from truth_settings").fetchall()
    settings = dict(rows)
    assert len(settings) == len(rows)
    assert settings["seed"] == "5"
    assert settings["scenario"] == "bot_pledges"
    assert settings["scenario_begins_at"] == "2023-07-01T00:00:00.000000"
    assert settings["highlight_lift"] == "0.15"
    assert settings["sampled_project_count"] == "400"
    assert {len(settings[f"{name}_digest"]) for name in ("code", "projects", "pledges")} == {64}


def test_effects_are_listed_with_what_was_configured(database: duckdb.DuckDBPyConnection) -> None:
    effects = dict(database.execute("select effect, configured from truth_effects").fetchall())
    assert effects["highlight_lift"] == 0.15
    assert effects["all_against_none_conversion_ratio"] is None
    assert effects["front_loaded_slip"] == 0.35
    arms = database.execute("select world, variant from truth_worlds").fetchall()
    assert sorted(arms) == [
        ("all_highlighted", "treatment"),
        ("assigned", "control"),
        ("assigned", "treatment"),
        ("none_highlighted", "control"),
    ]


def test_at_most_so_many_projects_are_played_on() -> None:
    book = TruthRecorder(SimulationConfig(scale=1, seed=5), continuations=1, max_projects=60)
    (block,) = simulate(SimulationConfig(scale=1, seed=5))
    tables = book.block_tables(block, dict.fromkeys(SCHEMAS, 1), {})
    projects = set(tables["truth_snapshots"]["project_id"].to_pylist())
    assert len(projects) == 60
    assert len(tables["truth_projects"]) == 200


def test_the_same_call_writes_the_same_truth(folders: tuple[Path, Path], tmp_path: Path) -> None:
    generate(CONFIG, tmp_path / "data", "csv", truth=tmp_path / "truth", continuations=4)
    for path in folders[1].iterdir():
        assert path.read_bytes() == (tmp_path / "truth" / path.name).read_bytes()


@pytest.mark.parametrize(("data", "beside"), [("w", "w"), ("w", "w/truth"), ("w/data", "w")])
def test_data_and_truth_never_share_a_folder(
    tmp_path: Path, data: str, beside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--out", str(tmp_path / data), "--truth", str(tmp_path / beside)]
    assert cli.main(call) == 2
    assert "folders of their own, side by side" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_foreign_files_beside_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "pledges.parquet").write_text("data, not truth")
    with pytest.raises(OutputError, match=r"holds pledges\.parquet"):
        generate(CONFIG, tmp_path / "data", "csv", truth=tmp_path / "truth", continuations=4)
    assert [path.name for path in tmp_path.iterdir()] == ["truth"]


def interrupted(config: SimulationConfig) -> Iterator[Block]:
    yield next(simulate(config))
    raise KeyboardInterrupt


def test_an_interrupted_run_leaves_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "simulate", interrupted)
    call = ["--out", str(tmp_path / "data"), "--truth", str(tmp_path / "truth")]
    assert cli.main(call) == 130
    assert list(tmp_path.iterdir()) == []


KILLED_IN_THE_SWAP = """
import os, signal, sys
from pathlib import Path
from generator.output import Target, writing
from generator.truth.schemas import TRUTH_SCHEMAS
real, count = Path.rename, 0
def killed(path, target):
    global count
    count += 1
    if count == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(path, target)
Path.rename = killed
data, beside = Path("data").absolute(), Path("truth").absolute()
with writing(Target(data, "csv"), Target(beside, "parquet", TRUTH_SCHEMAS)):
    pass
"""


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_run_killed_in_the_swap_leaves_no_truth_of_another_world(
    tmp_path: Path, step: int
) -> None:
    data, beside = tmp_path / "data", tmp_path / "truth"
    setting = pa.table([["seed"], ["1"], [""], [""]], schema=TRUTH_SCHEMAS["truth_settings"])
    both = (Target(data, "parquet"), Target(beside, "parquet", TRUTH_SCHEMAS))
    with writing(*both) as (_, truth_writer):
        truth_writer.append({"truth_settings": setting})
    old_data, old_truth = (folder_bytes(folder) for folder in (data, beside))
    program = [sys.executable, "-c", KILLED_IN_THE_SWAP, str(step)]
    run = FORKS.run(program, cwd=tmp_path, imports=["generator.truth"])
    assert run.returncode == -signal.SIGKILL
    if beside.exists():
        assert folder_bytes(beside) == old_truth
        assert folder_bytes(data) == old_data
    with writing(*both):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "truth"]


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_worlds_that_never_were_show_the_lift_and_the_shared_budgets() -> None:
    # A year of small campaigns whose pledges bring no others: else a single one that succeeds in
    # one world alone decides what becomes of the money.
    config = SimulationConfig(
        scale=25,
        seed=2,
        highlight_lift=0.5,
        exposure_days=365.0,
        highest_demand=10_000.0,
        herding=0.0,
        rescue=0.0,
        top_up_share=0.0,
    )
    arms = ArmTotals()
    for world, share in ((ASSIGNED, 0.5), (ALL, 1.0), (NONE, 0.0)):
        (block,) = counterfactual_blocks(config, share)
        arms.add(world, block)
    effects = {name: (found, error) for name, _, found, error in arms.effects(config)}
    lift, error = effects["highlight_lift"]
    assert abs(lift - 0.5) < 3 * error < 0.06
    # Over 23 seeds the standard deviations of these are up to .01, .02 and .007.
    gain = effects["all_against_none_conversion_ratio"][0]
    assert gain == pytest.approx(config.highlight_lift, abs=0.05)
    loss = effects["all_against_none_never_highlighted_amount"][0]
    assert loss == pytest.approx(-budget_loss(config), abs=0.09)
    assert effects["all_against_none_amount_per_backer"][0] == pytest.approx(0.13, abs=0.03)


def test_without_effect_all_worlds_are_one() -> None:
    config = SimulationConfig(scale=2, seed=1, highlight_lift=0.0)
    (everybody,), (nobody,) = (counterfactual_blocks(config, share) for share in (1.0, 0.0))
    for name in ("project", "backer", "amount", "pledged_at"):
        assert (getattr(everybody.pledges, name) == getattr(nobody.pledges, name)).all()


def test_the_lift_s_error_is_that_of_a_ratio_of_ratios() -> None:
    rng = np.random.default_rng(1)
    base, other = 0.05 + 0.001 * rng.standard_normal((2, 100_000))
    lift, error = lift_of(0.05, 0.001, 0.05, 0.001)
    assert lift == 0
    assert error == pytest.approx((other / base - 1).std(), rel=0.02)
    assert np.isnan(lift_of(0.0, 0.0, 0.05, 0.001)).all()


def test_the_report_names_oracle_effects_and_power(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert truth.main(["--truth", str(folders[1])]) == 0
    output = capsys.readouterr().out
    assert output.startswith(
        "truth      SCALE=2 SEED=5 SCENARIO=bot_pledges, from 2023-07-01T00:00"
    )
    for word in ("oracle     success, still open", "  d21 ", "  start ", "power      at +15 %"):
        assert word in output
    assert "The oracle knows every latent" in output
    assert "observable ceiling" in output


def test_the_report_says_that_the_data_are_its_own(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(CONFIG, tmp_path / "csv", "csv")
    for data in (folders[0], tmp_path / "csv"):
        assert truth.main(["--truth", str(folders[1]), "--data", str(data)]) == 0
        assert f"data       {data}: this is their truth" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "table"),
    [({"seed": 6}, "projects"), ({"scenario": "steady"}, "pledges"), ({"scale": 1}, "projects")],
)
def test_the_report_refuses_data_of_another_world(
    folders: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    table: str,
) -> None:
    generate(replace(CONFIG, **change), tmp_path / "other", "parquet")
    assert truth.main(["--truth", str(folders[1]), "--data", str(tmp_path / "other")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert f"{folders[1]} is the truth of SCALE=2 SEED=5 SCENARIO=bot_pledges" in captured.err
    assert f"to which the {table} in {tmp_path / 'other'} do not belong" in captured.err


def test_the_report_refuses_what_are_no_data(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert truth.main(["--truth", str(folders[1]), "--data", str(tmp_path)]) == 2
    assert f"truth: {tmp_path} cannot be read as generated tables: " in capsys.readouterr().err


def test_the_report_refuses_a_mixture_of_worlds(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(CONFIG, seed=6, scale=1)
    generate(other, tmp_path / "data", "csv", truth=tmp_path / "truth", continuations=1)
    mixed = shutil.copytree(folders[1], tmp_path / "mixed")
    shutil.copy(tmp_path / "truth" / "truth_worlds.parquet", mixed)
    assert truth.main(["--truth", str(mixed)]) == 2
    error = capsys.readouterr().err
    assert "truth_worlds.parquet is of another world than truth_settings.parquet" in error
    assert "(bot_pledges-1-6 " in error


def test_the_report_refuses_what_is_no_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert truth.main(["--truth", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"truth: {tmp_path} has no truth_settings.parquet; write it with ")
    assert error.count("\n") == 1
    for name in TRUTH_SCHEMAS:
        (tmp_path / f"{name}.parquet").write_text("half a file")
    assert truth.main(["--truth", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err
