"""Backtest: each moment trains on what was mature then, as a run of that time would have."""

from datetime import datetime
from typing import Any

import pytest

from ml import settings
from ml.command import show
from ml.context import RunContext
from ml.modeling import backtest
from ml.modeling.backtest import BacktestError, cutoffs
from ml.warehouse import open_warehouse
from tests import declared

NOW = datetime(2030, 1, 1)
RUNS = (
    "select model_name, model_version, cutoff_at, train_row_count, test_row_count"
    " from ml.model_runs where status = 'backtest' order by all"
)
METRICS = (
    "select model_name, model_version, snapshot_kind, metric, value, ci_low, ci_high, row_count"
    " from ml.model_metrics where split = 'backtest' order by all"
)


def replay(platform: Any, first: str, last: str, run_id: str = "bt") -> None:
    models = settings.load(platform.config, declared.catalogue())
    with open_warehouse(platform.db) as warehouse:
        each = cutoffs(warehouse, first, last, "3mo")
        lines = backtest.run(models, warehouse, RunContext(run_id, NOW), cutoffs=each)
        show("backtest", lines)


def forget_what_came_after(platform: Any, moment: str) -> None:
    """Leaves the warehouse as a build of that moment would be."""
    for statement in (
        "update core.warehouse_as_of set as_of = '{}'",
        "delete from features.project_labels where outcome_known_at > '{}'",
        "delete from features.milestone_labels where outcome_known_at > '{}'",
        "delete from features.project_features where snapshot_at > '{}'"
        " or snapshot_kind = 'current'",
        "delete from features.milestone_features where snapshot_at > '{}'"
        " or snapshot_kind = 'current'",
        "delete from core.dim_projects where launched_at >= '{}'",
    ):
        platform.sql(statement.format(moment))


def test_moments_step_from_the_first_to_the_end_of_the_last_window(fresh: Any) -> None:
    with open_warehouse(fresh.db) as warehouse:
        assert cutoffs(warehouse, "2022-01-15", "2022-04-01", "1mo") == [
            datetime(2022, 1, 15),
            datetime(2022, 2, 15),
            datetime(2022, 3, 15),
            datetime(2022, 4, 1),
        ]
        zoned = cutoffs(warehouse, "2022-01-01T02:00:00+02:00", "2022-01-21", "10d")
        assert zoned == [datetime(2022, 1, day) for day in (1, 11, 21)]


@pytest.mark.parametrize(
    ("first", "last", "every", "message"),
    [
        ("2022-01-01", "2022-06-01", "month", "EVERY=month is no step: give 1mo, 2w or 10d"),
        ("yesterday", "2022-06-01", "1mo", "FROM=yesterday is no ISO date"),
        ("2022-06-01", "2022-01-01", "1mo", "FROM must lie before TO"),
        ("2022-01-01", "2044-01-01", "1mo", "TO not after 2024-01-01"),
    ],
)
def test_a_wrong_call_is_named(fresh: Any, first: str, last: str, every: str, message: str) -> None:
    with open_warehouse(fresh.db) as warehouse, pytest.raises(BacktestError, match=message):
        cutoffs(warehouse, first, last, every)


def test_a_replay_says_what_a_warehouse_of_that_time_would_have_said(
    fresh: Any, tmp_path: Any, capsys: Any
) -> None:
    earlier = fresh.copy_to(tmp_path / "earlier", capsys)
    forget_what_came_after(earlier, "2023-06-01")
    for platform in (fresh, earlier):
        replay(platform, "2022-01-01", "2022-07-01")
    project_runs = [row for row in fresh.sql(RUNS) if row[0] == "project_success"]
    assert len(project_runs) == 2
    assert all(row[3] > 100 and row[4] > 20 for row in project_runs)
    assert project_runs == [row for row in earlier.sql(RUNS) if row[0] == "project_success"]
    metrics = [row for row in fresh.sql(METRICS) if row[0] == "project_success"]
    assert {row[2] for row in metrics} >= {"launch", "d3", "all"}
    assert metrics == [row for row in earlier.sql(METRICS) if row[0] == "project_success"]


def test_a_moment_is_replayed_once_and_never_serves(finished: Any) -> None:
    serving = finished.sql("select model_version from ml.model_runs where is_champion order by 1")
    replay(finished, "2022-04-01", "2022-10-01")
    before = finished.sql(RUNS), finished.sql(METRICS)
    replay(finished, "2022-04-01", "2022-10-01", run_id="again")
    assert (finished.sql(RUNS), finished.sql(METRICS)) == before
    assert finished.run("train", "predict", run_id="run-2", hour=1).out.count("up to date") == 4
    assert (
        finished.sql("select model_version from ml.model_runs where is_champion order by 1")
        == serving
    )


def test_a_moment_with_too_little_behind_it_is_passed_over_with_the_reason(
    fresh: Any, capsys: Any
) -> None:
    replay(fresh, "2021-01-05", "2021-03-01")
    assert fresh.sql(RUNS) == []
    output = capsys.readouterr().out
    assert "project_success 2021-01-05: 0 projects with an outcome known by the cut" in output


def test_what_has_not_matured_is_counted_as_pending(fresh: Any, capsys: Any) -> None:
    replay(fresh, "2023-10-01", "2023-12-31")
    [(expected,)] = fresh.sql(
        "select count(*) from features.project_features as f left join features.project_labels"
        " as l using (project_id) inner join core.dim_projects as p using (project_id) where"
        " not is_decided and snapshot_kind <> 'current' and snapshot_at > '2023-10-01'"
        " and snapshot_at <= '2023-12-31' and (l.project_id is null or p.deadline_at >"
        " (select as_of from core.warehouse_as_of))"
    )
    assert expected > 10
    assert f"{expected:,} pending" in capsys.readouterr().out
