"""Replays of past weeks: since when a feature drifts."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.ml.monitoring.drift_runs import again, check_again


def test_since_is_the_first_week_of_an_unbroken_row(finished: Any) -> None:
    finished.sql(
        """update features.project_features set average_pledge_amount = 9 * average_pledge_amount
        where snapshot_kind = 'd3' and snapshot_at > timestamp '2023-09-04'"""
    )
    output = check_again(finished)
    ((since, words),) = finished.sql("select since_at, words from ml.drift_alarms")
    weeks = finished.sql(
        """select week_at from ml.drift_replays
        where is_alert and feature = 'average_pledge_amount' order by 1"""
    )
    assert since == weeks[0][0]
    assert datetime(2023, 9, 11) <= since <= datetime(2023, 10, 16)
    assert {after[0] - before[0] for before, after in pairwise(weeks)} == {timedelta(weeks=1)}
    assert weeks[-1] == (datetime(2024, 1, 1),)
    assert f"seen since {since:%-d %b %Y}" in words
    assert f"seen since {since:%-d %b %Y}" in " ".join(output.split())


def test_a_replay_says_what_a_run_at_that_moment_would_have_said(finished: Any) -> None:
    finished.sql(
        """update features.project_features set average_pledge_amount = 9 * average_pledge_amount
        where snapshot_kind = 'd3' and snapshot_at > timestamp '2023-09-04'"""
    )
    check_again(finished)
    columns = "feature, snapshot_kind, psi, adjusted_p_value, reference_count, current_count"
    replayed = finished.sql(
        f"select {columns}, is_alert from ml.drift_replays where week_at = timestamp '2023-11-06'"
        " and is_alert is not null"
        " order by all"
    )
    finished.sql("update core.warehouse_as_of set as_of = timestamp '2023-11-06'")
    for table in ("model_runs", "predictions"):
        finished.sql(f"update ml.{table} set as_of = timestamp '2023-11-06'")
    again(finished, hour=2)
    model = finished.setting("project_success"), finished.setting("milestone_risk")
    shown = [name for each in model for name in (*each.drift.report_only, "predicted_probability")]
    run = finished.sql(
        f"""select feature, snapshot_kind, max(value) filter (statistic = 'psi'),
            max(adjusted_p_value), max(reference_count), max(current_count), bool_or(is_alert)
        from ml.drift_stats
        where as_of = timestamp '2023-11-06' and p_value is not null
            and not list_contains({shown}, feature)
        group by all order by all"""
    )
    assert len(run) > 20
    assert replayed == run


def test_a_week_that_corrected_data_make_untestable_keeps_no_alert_of_an_earlier_run(
    finished: Any,
) -> None:
    """Every week loses all that could be tested; what was found in it must not stay."""
    late = "snapshot_kind = 'd3' and snapshot_at > timestamp '2023-09-04'"
    finished.sql(
        f"""update features.project_features set average_pledge_amount = 9 * average_pledge_amount
        where {late}"""
    )
    check_again(finished)
    alerts = """select count(*) from staging.stg_drift_replays
        where feature = 'average_pledge_amount' and snapshot_kind = 'd3' and is_alert"""
    assert finished.sql(alerts)[0][0] > 5
    for table, known_at in (
        ("features.project_features", "snapshot_at"),
        ("features.project_labels", "label_window_ends_at"),
        ("ml.predictions", "snapshot_at"),
    ):
        finished.sql(
            f"""delete from {table} where {known_at} > (select cutoff_at from ml.model_runs
            where model_name = 'project_success' and is_champion)"""
        )
    again(finished, hour=2)
    assert finished.sql(alerts) == [(0,)]
    verdicts = finished.sql(
        """select distinct is_alert, current_count from staging.stg_drift_replays
        where feature = 'average_pledge_amount' and snapshot_kind = 'd3'"""
    )
    assert verdicts == [(None, 0)]
    count = finished.sql("select count(*) from ml.drift_replays")
    again(finished, hour=3)
    assert finished.sql("select count(*) from ml.drift_replays") == count
