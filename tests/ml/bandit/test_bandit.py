"""The stage: what it records, that it records it once, and what it says."""

import json
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ml.bandit.policy import replay
from ml.bandit.settings import BanditSettings
from ml.bandit.summary import decided_lines
from tests.ml.bandit.conftest import AS_OF, Future, Platform, days

POSTERIORS = (
    "select * exclude (run_id, measured_at) from staging.stg_bandit_posteriors order by all"
)
VALUES = "select * exclude (run_id, measured_at) from staging.stg_policy_values order by all"
TABLES = ("bandit_runs", "bandit_posteriors", "bandit_decisions", "policy_values")


def rows(platform: Platform) -> dict[str, list[tuple[Any, ...]]]:
    return {table: platform.sql(f"from ml.{table} order by all") for table in TABLES}


def test_one_decision_per_launch_since_the_start(
    platform: Platform, chosen: BanditSettings
) -> None:
    platform.decide(chosen)
    ((launched,),) = platform.sql(
        "select count(*) from core.dim_projects"
        " where launched_at >= (select starts_at from ml.bandit_runs)"
    )
    ((decided, distinct),) = platform.sql(
        "select count(*), count(distinct project_id) from ml.bandit_decisions"
    )
    assert launched == decided == distinct > 300
    assert platform.sql(
        "select count(*) from ml.bandit_decisions"
        " where not (batch_at <= launched_at and launched_at < batch_at + interval 7 day)"
    ) == [(0,)]


def test_every_decision_replays_bit_for_bit_from_its_row(
    platform: Platform, chosen: BanditSettings
) -> None:
    platform.decide(chosen)
    decisions = platform.sql(
        "select snapshot, seed, project_id, chosen_strategy, propensity from ml.bandit_decisions"
    )
    for snapshot, seed, project, strategy, propensity in decisions:
        again = replay(snapshot, seed=seed, project_id=project)
        assert (again.chosen_strategy, again.propensity) == (strategy, propensity)
        recorded = {name: arm["propensity"] for name, arm in json.loads(snapshot)["arms"].items()}
        assert again.propensities == recorded


def test_an_unchanged_run_adds_nothing_and_says_so(
    platform: Platform, chosen: BanditSettings
) -> None:
    first = platform.decide(chosen)
    before = rows(platform)
    second = platform.decide(chosen, run=2)
    assert rows(platform) == before
    assert f"{first.added_count:,} new" in decided_lines(first)[0]
    assert "nothing new" in decided_lines(second)[0]


def test_a_later_moment_adds_decisions_and_rewrites_none(
    future: Future, platform: Platform, chosen: BanditSettings, tmp_path: Path
) -> None:
    early = future.at(days(400.5), tmp_path / "early.duckdb")
    early.decide(chosen)
    platform.decide(chosen)
    for table in ("bandit_posteriors", "bandit_decisions"):
        content = f"select * exclude (as_of) from ml.{table}"
        old, new = early.sql(content), platform.sql(content)
        assert set(map(str, old)) < set(map(str, new)), table


def test_another_setting_is_another_version_and_the_log_says_which_is_in_use(
    platform: Platform, chosen: BanditSettings
) -> None:
    other = replace(chosen, unproven_cap=0.1)
    versions = [platform.decide(each, run=n).version for n, each in enumerate((chosen, other), 1)]
    counts = platform.sql("select count(*) from ml.bandit_decisions group by bandit_version")
    assert counts[0] == counts[1]
    platform.decide(chosen, run=3)
    log = platform.sql("select bandit_version from ml.bandit_runs order by measured_at")
    assert [version for (version,) in log] == [*versions, versions[0]]
    # what only judges decides nothing
    judged = replace(chosen, min_decisions=3000)
    assert platform.decide(judged, run=4).version == versions[0]


CURRENT = "select * exclude (run_id, decided_at) from staging.stg_bandit_decisions order by all"
CORRECTED = "update core.fct_milestones set resolution = 'rejected'"


def test_a_decision_stands_when_data_are_corrected_later(
    platform: Platform, chosen: BanditSettings
) -> None:
    platform.decide(chosen)
    before = platform.sql(CURRENT)
    platform.sql(CORRECTED)
    platform.sql("update core.warehouse_as_of set as_of = as_of + interval 1 day")
    assert platform.decide(chosen, run=2).added_count == 0
    assert platform.sql(CURRENT) == before
    assert platform.sql("select distinct as_of from staging.stg_bandit_posteriors") == platform.sql(
        "from core.warehouse_as_of"
    )


def test_of_data_corrected_for_the_same_moment_nothing_else_is_left(
    future: Future, platform: Platform, chosen: BanditSettings, tmp_path: Path
) -> None:
    fresh = future.at(AS_OF, tmp_path / "fresh.duckdb")
    fresh.sql(CORRECTED)
    fresh.decide(chosen)
    platform.decide(chosen)
    first = [platform.sql(each) for each in (CURRENT, POSTERIORS, VALUES)]
    platform.sql("create table kept as from core.fct_milestones")
    platform.sql(CORRECTED)
    assert platform.decide(chosen, run=2).added_count > 300
    for each in (CURRENT, POSTERIORS, VALUES):
        assert platform.sql(each) == fresh.sql(each)
    platform.sql("delete from core.fct_milestones")
    platform.sql("insert into core.fct_milestones from kept")
    assert platform.decide(chosen, run=3).added_count > 300
    assert [platform.sql(each) for each in (CURRENT, POSTERIORS, VALUES)] == first
    assert platform.decide(chosen, run=4).added_count == 0


def test_a_run_for_a_later_moment_changes_nothing_at_an_earlier_one(
    platform: Platform, chosen: BanditSettings
) -> None:
    queries = (CURRENT, POSTERIORS, VALUES, "from intermediate.int_bandits_in_use")
    platform.decide(chosen)
    first = [platform.sql(each) for each in queries]
    platform.sql("update core.warehouse_as_of set as_of = as_of + interval 30 day")
    platform.decide(replace(chosen, unproven_cap=0.1), run=2)
    platform.sql("update core.warehouse_as_of set as_of = as_of - interval 30 day")
    assert [platform.sql(each) for each in queries] == first
    assert platform.decide(chosen, run=3).added_count == 0
    assert [platform.sql(each) for each in queries] == first


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "update core.dim_projects set release_strategy = null",
            "no project has a release strategy",
        ),
        ("delete from core.fct_milestones", "no milestone of a funded project has started"),
        ("delete from core.dim_projects", "no project has a release strategy"),
        (
            "update core.warehouse_as_of set as_of = timestamp '2022-01-09'",
            "0 rewards are known, the bandit begins with 20",
        ),
    ],
)
def test_without_strategies_milestones_or_rewards_it_says_so_and_goes_on(
    platform: Platform, chosen: BanditSettings, change: str, reason: str
) -> None:
    platform.sql(change)
    lines = decided_lines(platform.decide(chosen))
    assert len(lines) == 1
    assert reason in lines[0]
    found = rows(platform)
    assert {table: len(found[table]) for table in TABLES} == dict.fromkeys(TABLES, 0) | {
        "bandit_runs": 1
    }
    assert platform.sql("select status, reason from ml.bandit_runs") == [("skipped", reason)]


def test_projects_without_a_strategy_are_decided_upon_but_teach_nothing(
    future: Future, chosen: BanditSettings, tmp_path: Path
) -> None:
    names = future.projects.column("release_strategy").to_pylist()
    names[::2] = [None] * len(names[::2])
    place = future.projects.column_names.index("release_strategy")
    projects = future.projects.set_column(place, "release_strategy", pa.array(names))
    platform = Future(projects, future.milestones).at(AS_OF, tmp_path / "escrow.duckdb")
    platform.decide(chosen)
    assert (
        platform.sql(
            "select count(*) from ml.bandit_decisions join core.dim_projects using (project_id)"
            " where release_strategy is null"
        )[0][0]
        > 100
    )
    ((known,),) = platform.sql(
        "select sum(reward_count) from ml.bandit_posteriors"
        " where batch_at = (select max(batch_at) from ml.bandit_posteriors)"
    )
    ((rewarded,),) = platform.sql(
        """select count(distinct project_id) from core.fct_milestones
        join core.dim_projects using (project_id)
        where release_strategy is not null and started_at is not null"""
    )
    assert 20 < known <= rewarded


def test_the_log_keeps_all_settings(platform: Platform, chosen: BanditSettings) -> None:
    platform.decide(chosen)
    ((text,),) = platform.sql("select settings from ml.bandit_runs")
    assert json.loads(text) == asdict(chosen)


def test_next_launches_come_in_the_order_of_their_shares(
    platform: Platform, chosen: BanditSettings
) -> None:
    lines = decided_lines(platform.decide(chosen))
    assert lines[1].startswith("next launches: holdback_20 ")
    assert "not estimable" in lines[2]


def test_a_bandit_that_failed_for_this_as_of_decides_nothing(
    platform: Platform, chosen: BanditSettings
) -> None:
    platform.decide(chosen)
    platform.sql(
        """insert into ml.failures
        select 'run-2', 'bandit', 'bandit', as_of, true, 'KeyError: x', now()
        from core.warehouse_as_of"""
    )
    in_use = "select bandit_version, status, reason from intermediate.int_bandits_in_use"
    assert platform.sql(in_use) == [(None, "failed", "KeyError: x")]


def test_wall_clock_stands_only_where_it_may(platform: Platform, chosen: BanditSettings) -> None:
    platform.decide(chosen)
    moment = datetime(2030, 1, 1)
    for table in TABLES:
        columns = [name for (name, *_) in platform.sql(f"describe ml.{table}")]
        for row in rows(platform)[table]:
            held = {name for name, value in zip(columns, row, strict=True) if value == moment}
            assert held <= {"measured_at", "decided_at"}
