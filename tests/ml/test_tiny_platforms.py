"""On a platform however small, every stage ends with a sentence, and every page is there."""

import shutil
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from ml.cli import STAGES
from pages import __main__ as pages
from tests.ml.conftest import Platform
from tests.ml.made_world import build_world

MADE_FROM_ML = ("releases", "bandit", "experiments", "report", "models", "monitoring")
MODELS = Path(__file__).parents[2] / "dbt_project/models"
INSIGHTS = MODELS / "marts/insights"
DOCUMENTED = (INSIGHTS / "_insights__models.yml", MODELS / "staging/ml/_ml__models.yml")
# what the frame of every page reads
BESIDE = """
    create schema if not exists quality;
    create table if not exists quality.validation_results (
        run_id varchar, validated_at timestamp, success boolean, severity varchar
    );
    create table if not exists core.escrow_balances (
        project_id bigint, pledged_amount decimal(18, 2), held_amount decimal(18, 2),
        released_amount decimal(18, 2), refunded_amount decimal(18, 2)
    );
    create table if not exists intermediate.int_loss_ratio (
        has_majority_for boolean, high_risk_count bigint, loss_ratio double
    );
    create table if not exists core.backer_balances (project_id bigint, held_amount decimal(18, 2));
    create table if not exists core.fct_pledges (project_id bigint, amount decimal(18, 2));
    create table if not exists core.fct_escrow_transactions (
        project_id bigint, transaction_type varchar, amount decimal(18, 2)
    )"""
EXPOSURES = """
    create table core.fct_experiment_exposures as
    select range as exposure_id, 'badge' as experiment, ['a', 'b'][1 + range % 2] as variant,
        range as backer_id, 1 as project_id,
        timestamp '2023-12-01' + interval (range % 28) day as exposed_at,
        case when range % 9 = 0 then range end as pledge_id
    from range({count});
    create table core.fct_pledges as
    select pledge_id, project_id, backer_id, 10.00::decimal(18, 2) as amount,
        exposed_at + interval 1 hour as pledged_at
    from core.fct_experiment_exposures where pledge_id is not null"""


def tiny(
    world: Platform,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    projects: int,
    exposures: int = 0,
) -> Platform:
    folder.mkdir()
    platform = Platform(folder, capsys)
    build_world(platform.db, project_count=projects, seed=7)
    shutil.copy(world.config, platform.config)
    platform.sql(EXPOSURES.format(count=exposures))
    platform.sql(
        """update core.dim_projects set funded_at = deadline_at, release_strategy =
        ['equal_tranches', 'front_loaded', 'back_loaded', 'holdback_20'][1 + project_id % 4]"""
    )
    return platform


@cache
def insights() -> dict[str, str]:
    """The tables of schema insights with their columns, as documented."""
    models = [yaml.safe_load(path.read_text())["models"] for path in DOCUMENTED]
    return {
        model["name"]: ", ".join(f"{c['name']} {c['data_type']}" for c in model["columns"])
        for model in chain.from_iterable(models)
        if (INSIGHTS / f"{model['name']}.sql").exists()
    }


def run_to_the_end(
    platform: Platform,
    capsys: pytest.CaptureFixture[str],
    stages: tuple[str, ...] = STAGES,
    names: tuple[str, ...] = MADE_FROM_ML,
) -> str:
    """Runs stages and makes pages, by default all; returns what the stages printed, in one line."""
    outcome = platform.run(*stages)
    assert (outcome.code, outcome.err) == (0, "")
    first = {line.split()[0] for line in outcome.out.splitlines() if not line.startswith(" ")}
    assert first == set(stages)
    with duckdb.connect(str(platform.db)) as connection:
        connection.execute(f"create schema insights; {BESIDE}")
        for table, columns in insights().items():
            connection.execute(f"create table insights.{table} ({columns})")
        for table, source in (
            ("experiment_readout", "experiment_results"),
            ("drift_status", "drift_checks"),
        ):
            rows = f"select * exclude (run_id) from ml.{source}"
            connection.execute(f"insert into insights.{table} by name {rows}")
    site = platform.folder / "site"
    assert pages.main([*names, "--warehouse", str(platform.folder), "--site", str(site)]) == 0
    assert capsys.readouterr().err == ""
    for name in names:
        text = (site / name / "index.html").read_text()
        assert "not available" not in text
        assert "nan" not in text.replace("finance", "").lower().split()
    return " ".join(outcome.out.split())


@pytest.mark.parametrize(
    ("projects", "said"),
    [
        (0, "no project has a known outcome to learn from yet"),
        (1, "are needed"),
        (20, "are needed"),
        (60, "not tested: "),
        pytest.param(130, "project_success", marks=pytest.mark.journey),
    ],
)
def test_every_stage_ends_with_a_sentence(
    world: Platform,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    projects: int,
    said: str,
) -> None:
    platform = tiny(world, tmp_path / "w", capsys, projects=projects, exposures=projects)
    assert said in run_to_the_end(platform, capsys)


ODD: dict[str, tuple[str, str]] = {
    "all_successful": (
        "update features.project_labels set is_successful = true;"
        "update features.milestone_labels set is_high_risk = false",
        "are needed",
    ),
    "one_success_only": (
        "update features.project_labels set is_successful = project_id = 7;"
        "update features.milestone_labels set is_high_risk = milestone_id <> 7",
        "are needed",
    ),
    "one_creator_one_category_one_strategy": (
        "update core.dim_projects set creator_id = 1, release_strategy = 'equal_tranches';"
        "update features.project_features set category = 'Art', country = null;"
        "update features.milestone_features set release_strategy = 'equal_tranches'",
        "bandit_",
    ),
    "no_milestones": (
        "delete from core.fct_milestones; delete from features.milestone_features;"
        "delete from features.milestone_labels",
        "no milestone has a known outcome to learn from yet",
    ),
    "only_live": (
        "delete from features.project_labels; delete from features.milestone_labels;"
        "delete from features.project_features where snapshot_kind <> 'current'",
        "no project has a known outcome to learn from yet",
    ),
    "nothing_varies": (
        "update features.project_features set pledge_count = 0, unique_backer_count = 0,"
        " funding_ratio = 0, pledged_amount = 0, funding_velocity = 0, pace_ratio = 0,"
        " average_pledge_amount = null, largest_pledge_ratio = null",
        "project_success",
    ),
}
# on these something is trained
SLOW = ("one_creator_one_category_one_strategy", "nothing_varies")
ODD_EXPERIMENTS: dict[str, tuple[str, str]] = {
    "one_arm": ("update core.fct_experiment_exposures set variant = 'a'", "one arm only: a"),
    "nobody_converts": (
        "update core.fct_experiment_exposures set pledge_id = null; delete from core.fct_pledges",
        "nothing varies in either arm",
    ),
    "no_exposures": ("delete from core.fct_experiment_exposures", "no exposures"),
    "one_exposure": (
        "delete from core.fct_experiment_exposures where exposure_id > 0",
        "one arm only",
    ),
    "exposures_of_one_instant": (
        "update core.fct_experiment_exposures set exposed_at = timestamp '2023-12-31 23:59:59',"
        " pledge_id = null",
        "the first window ends on 2 Jan 2024",
    ),
}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.journey if kind in SLOW else ()) for kind in ODD],
)
def test_odd_platforms_end_with_a_sentence(
    world: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    statements, said = ODD[kind]
    platform = tiny(world, tmp_path / "w", capsys, projects=130)
    platform.sql(statements)
    assert said in run_to_the_end(platform, capsys)


@pytest.mark.parametrize("kind", ODD_EXPERIMENTS)
def test_odd_experiments_end_with_a_sentence(
    world: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    statements, said = ODD_EXPERIMENTS[kind]
    platform = tiny(world, tmp_path / "w", capsys, projects=1, exposures=130)
    platform.sql(statements)
    assert said in run_to_the_end(platform, capsys, ("experiment",), ("experiments",))


def test_one_creator_tests_no_skill_and_the_reason_is_on_record(
    world: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = tiny(world, tmp_path / "w", capsys, projects=200)
    platform.sql("update core.dim_projects set creator_id = 1")
    said = " ".join(platform.run("train").out.split())
    [(state, reason)] = platform.sql(
        """select skill_state, reason from intermediate.int_models_in_use
        where model_name = 'project_success'"""
    )
    assert state == "not_tested"
    assert "test projects are of one creator" in reason
    assert f"log loss: skill not tested ({reason}); accuracy" in said


def test_amounts_from_a_cent_to_a_million_millions(
    world: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = tiny(world, tmp_path / "w", capsys, projects=130, exposures=400)
    platform.sql(
        """update core.fct_pledges set amount =
        case when pledge_id % 2 = 0 then 0.01 else 1e12::decimal(18, 2) end"""
    )
    platform.sql(
        """update core.dim_projects set funding_goal =
        case when project_id % 2 = 0 then 0.01 else 1e12::decimal(18, 2) end"""
    )
    platform.sql(
        """update features.project_features set funding_goal =
            case when project_id % 2 = 0 then 0.01 else 1e12::decimal(18, 2) end,
            funding_ratio = funding_ratio * 1e10"""
    )
    said = run_to_the_end(platform, capsys)
    assert "badge (exploratory): b against a" in said
    rows: list[Any] = platform.sql("select control_value, p_value from ml.experiment_results")
    assert all(value is None or 0 <= value < 1e15 for row in rows for value in row)
