"""Drift on a platform: like with like, evidence and relevance."""

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from scipy import stats

ALERTS = "select feature, snapshot_kind, statistic from ml.drift_stats where is_alert order by all"
CHECK = """
    select status, reason, alert_count, reference_count, current_count, needed_count
    from ml.drift_checks
    where model_name = 'project_success' and snapshot_kind = 'd3' and subject = 'features'
    order by measured_at desc"""
RECENT = "snapshot_at > timestamp '2023-10-03'"


def check_again(platform: Any) -> str:
    platform.sql("delete from ml.drift_stats")
    platform.sql("delete from ml.drift_replays")
    return again(platform)


def again(platform: Any, hour: int = 1) -> str:
    outcome = platform.run("monitor", run_id=f"run-{hour}", hour=hour)
    assert outcome.code == 0, outcome.err
    return str(outcome.out)


def test_a_steady_platform_is_quiet_and_every_feature_is_reported(finished: Any) -> None:
    assert finished.sql(ALERTS) == []
    rows = finished.sql(
        """select feature, statistic, reference_count, current_count from ml.drift_stats
        where snapshot_kind = 'd3'"""
    )
    model = finished.setting("project_success")
    assert {row[0] for row in rows} == {*model.features.names, "predicted_probability"}
    kinds = {(row[0], row[1]) for row in rows}
    labels = finished.sql(
        "select distinct feature from ml.drift_stats where snapshot_kind = 'matured'"
    )
    assert sorted(labels) == [("is_high_risk",), ("is_successful",)]
    assert {kind for name, kind in kinds if name == "category"} == {"psi", "chi_square"}
    assert {kind for name, kind in kinds if name == "pledge_count"} == {
        "relative_mean_shift", "capped_mean_shift", "psi", "ks",
    }  # fmt: skip


def test_one_row_per_project_from_the_training_window_and_the_recent_one(finished: Any) -> None:
    windows = finished.sql(
        """select distinct reference_count, current_count from ml.drift_stats
        where snapshot_kind = 'vote_3d' and feature <> 'predicted_probability'"""
    )
    expected = finished.sql(
        f"""select
            count(distinct project_id) filter (snapshot_at between train_from_at and cutoff_at),
            count(distinct project_id) filter ({RECENT})
        from features.milestone_features, ml.model_runs
        where model_name = 'milestone_risk' and snapshot_kind = 'vote_3d'
            and milestone_number = 1"""
    )
    assert windows == expected


def test_a_doubled_feature_raises_an_alert_and_nothing_else_does(finished: Any) -> None:
    finished.sql(
        f"""update features.project_features set average_pledge_amount = 2 * average_pledge_amount
        where snapshot_kind = 'd3' and {RECENT}"""
    )
    output = check_again(finished)
    assert {row[:2] for row in finished.sql(ALERTS)} == {("average_pledge_amount", "d3")}
    assert re.search(
        r"project_success \w+: drift detected in 1 of \d+ features tested -> insights.drift_alerts",
        output,
    )
    checks = "select snapshot_kind, subject from ml.drift_checks where status = 'drift detected'"
    assert finished.sql(checks + " order by measured_at desc limit 1") == [("d3", "features")]
    assert "ALERT average_pledge_amount at d3 moved: mean +" in output
    assert "By its own probabilities at d3 the model is right " in output


def test_a_new_mix_of_categories_raises_an_alert(finished: Any) -> None:
    finished.sql(
        f"update features.project_features set category = 'Category 1' where {RECENT}"
        " and project_id % 2 = 0"
    )
    check_again(finished)
    assert ("category", "d3", "psi") in finished.sql(ALERTS)


def test_a_feature_that_vanishes_raises_an_alert(finished: Any) -> None:
    finished.sql(f"update features.project_features set funding_ratio = null where {RECENT}")
    check_again(finished)
    assert ("funding_ratio", "d3", "psi") in finished.sql(ALERTS)


def test_what_moves_by_construction_is_reported_not_alarmed(finished: Any) -> None:
    finished.sql(
        f"""update features.project_features set prior_project_count = 9 + prior_project_count
        where {RECENT}"""
    )
    check_again(finished)
    assert finished.sql(ALERTS) == []
    value, p_value = finished.sql(
        """select value, adjusted_p_value from ml.drift_stats
        where feature = 'prior_project_count' and statistic = 'relative_mean_shift'"""
    )[0]
    assert value > 5
    assert p_value < 1e-6


def test_live_snapshots_play_no_part(finished: Any) -> None:
    before = finished.sql("select * exclude (run_id, measured_at) from ml.drift_stats order by all")
    finished.sql(
        "update features.project_features set pledge_count = 999999 where snapshot_kind = 'current'"
    )
    check_again(finished)
    after = finished.sql("select * exclude (run_id, measured_at) from ml.drift_stats order by all")
    assert after == before


def test_evidence_without_relevance_is_no_alert(finished: Any) -> None:
    finished.sql(
        """update features.project_features set pledged_amount = 5000 + project_id % 7
        where snapshot_kind = 'd3'"""
    )
    finished.sql(
        f"""update features.project_features set pledged_amount = pledged_amount + 3
        where snapshot_kind = 'd3' and {RECENT}"""
    )
    check_again(finished)
    shift = finished.sql(
        """select value, adjusted_p_value, is_alert from ml.drift_stats
        where feature = 'pledged_amount' and statistic = 'relative_mean_shift'"""
    )[0]
    assert shift[0] < 0.01
    assert shift[1] < 0.001
    assert shift[2] is False


def test_a_window_reaches_back_until_it_holds_enough(finished: Any) -> None:
    finished.edit("window_days = 90", "window_days = 1")
    finished.edit("min_entities = 30\nmean", "min_entities = 45\nmean")
    check_again(finished)
    counts = "select distinct current_count from ml.drift_stats where feature = 'pledge_count'"
    assert finished.sql(counts) == [(45,)]


def test_too_few_recent_projects_are_not_compared(finished: Any) -> None:
    finished.edit("min_entities = 30\nmean", "min_entities = 5000\nmean")
    output = check_again(finished)
    recent = finished.sql(CHECK)[0][4]
    assert re.search(r"project_success \w+: not tested: \d+ of 5,000 projects needed", output)
    assert f"features at d3 ({recent} of 5,000 projects needed)" in output
    assert "no drift" not in output
    assert finished.sql("select count(*) from ml.drift_stats") == [(0,)]
    assert finished.sql(CHECK)[0] == (
        *("not tested", f"{recent} of 5,000 projects needed", 0),
        *(finished.sql(CHECK)[0][3], recent, 5000),
    )


def test_alerts_count_no_more_when_nothing_can_be_tested_any_more(finished: Any) -> None:
    def shown() -> list[int]:
        return [
            finished.sql(
                f"select count(*) from staging.stg_drift_{view}"
                " where model_name = 'project_success'"
            )[0][0]
            for view in ("stats", "alarms", "replays")
        ]

    finished.sql(
        f"""update features.project_features set average_pledge_amount = 2 * average_pledge_amount
        where snapshot_kind = 'd3' and {RECENT}"""
    )
    check_again(finished)
    alarmed = shown()
    assert min(alarmed) > 0
    finished.edit("min_entities = 30\nmean", "min_entities = 5000\nmean")
    again(finished, hour=2)
    assert shown() == [0, 0, 0]
    finished.edit("min_entities = 5000\nmean", "min_entities = 30\nmean")
    again(finished, hour=3)
    assert shown() == alarmed


@pytest.mark.parametrize("fail", [False, True])
def test_who_asks_for_alerts_learns_that_nothing_was_tested(finished: Any, fail: bool) -> None:
    """No alert, so no exit code 1; but not the silence of a platform without drift either."""
    finished.edit("min_entities = 30\nmean", "min_entities = 5000\nmean")
    flags = ("--fail-on-alert",) if fail else ()
    outcome = finished.run("monitor", *flags, run_id="run-2", hour=1)
    assert outcome.code == 0
    assert ("monitor: project_success not tested: " in outcome.err) == fail


def test_a_model_that_was_skipped_is_not_tested(fresh: Any) -> None:
    fresh.edit("min_entities = 30 ", "min_entities = 60000 ")
    fresh.edit("min_entities = 30\nmin_rarer", "min_entities = 60000\nmin_rarer")
    outcome = fresh.run("train", "predict", "monitor", "--fail-on-alert")
    assert outcome.code == 0
    assert "project_success: not tested: there is no model: " in outcome.out
    assert "60000 are needed" in outcome.err
    rows = fresh.sql("select model_version, status, reason from ml.drift_checks order by 3 desc")
    assert len(rows) == 2
    assert rows[0][:2] == (None, "not tested")
    assert fresh.run("monitor", run_id="run-2", hour=1).code == 0
    assert fresh.sql("select count(*) from ml.drift_checks") == [(2,)]


def test_another_threshold_gives_new_rows(finished: Any) -> None:
    count = "select count(*) from ml.drift_stats where statistic = 'psi'"
    before = finished.sql(count)[0][0]
    finished.edit("psi_threshold = 0.1", "psi_threshold = 0.3")
    assert finished.run("monitor", run_id="run-2", hour=1).code == 0
    assert finished.sql(count)[0][0] == 2 * before


def test_p_values_are_adjusted_over_watched_features_of_all_clocks_and_apart_over_the_others(
    finished: Any,
) -> None:
    model = finished.setting("milestone_risk")
    rows = finished.sql(
        """select distinct feature, snapshot_kind, p_value, adjusted_p_value from ml.drift_stats
        where model_name = 'milestone_risk' and p_value is not null"""
    )
    assert {row[1] for row in rows} == {"start", "vote_3d", "matured"}
    for is_watched in (True, False):
        family = [row for row in rows if (row[0] not in model.drift.report_only) == is_watched]
        expected = stats.false_discovery_control([row[2] for row in family])
        assert [row[3] for row in family] == pytest.approx(list(expected))


def test_predictions_that_move_raise_an_alert_and_show_what_is_expected(finished: Any) -> None:
    finished.sql(
        f"""update ml.predictions set predicted_probability = 0.5 + predicted_probability / 10
        where snapshot_kind = 'd3' and {RECENT}"""
    )
    check_again(finished)
    assert ("predicted_probability", "d3", "psi") in finished.sql(ALERTS)
    expected = dict(finished.sql(
        """select statistic, value from ml.drift_stats
        where feature = 'predicted_probability' and statistic like 'expected%'
            and snapshot_kind = 'd3'"""
    ))  # fmt: skip
    ((now,),) = finished.sql(
        f"""select avg(greatest(predicted_probability, 1 - predicted_probability))
        from ml.predictions where snapshot_kind = 'd3' and {RECENT} and not is_decided"""
    )
    assert expected["expected_accuracy"] == pytest.approx(now)
    assert expected["expected_accuracy_change"] < -0.1


def test_predictions_are_compared_with_predictions_never_with_training(finished: Any) -> None:
    windows = finished.sql(
        """select distinct reference_count, current_count from ml.drift_stats
        where feature = 'predicted_probability' and snapshot_kind = 'd3'"""
    )
    expected = finished.sql(
        f"""select count(*) filter (
                snapshot_at > cutoff_at + interval 3 day
                and snapshot_at <= cutoff_at + interval 93 day),
            count(*) filter ({RECENT})
        from ml.predictions
        inner join ml.model_runs as runs using (model_name, model_version)
        where model_name = 'project_success' and not is_decided and snapshot_kind = 'd3'
            and is_champion"""
    )
    assert windows == expected


def test_labels_that_move_raise_an_alert_once_their_cohort_has_matured(finished: Any) -> None:
    recent = """project_id in (select project_id from core.dim_projects
        where deadline_at > timestamp '2023-10-03')"""
    finished.sql(f"update features.project_labels set is_successful = true where {recent}")
    check_again(finished)
    assert ("is_successful", "matured", "capped_mean_shift") in finished.sql(ALERTS)


def test_an_outcome_that_is_known_early_waits_for_its_deadline(finished: Any) -> None:
    """Campaigns still open, all cancelled: counted now, they would be a wave of failures."""
    count = "select distinct current_count from ml.drift_stats where feature = 'is_successful'"
    before = finished.sql(count)
    finished.sql(
        """insert into features.project_labels
        select project_id, false, timestamp '2023-12-30', deadline_at from core.dim_projects
        where deadline_at > timestamp '2024-01-01 00:00:01'"""
    )
    check_again(finished)
    assert finished.sql(count) == before
    assert finished.sql(ALERTS) == []


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
    assert f"seen since {since:%Y-%m-%d}" in words
    assert f"seen since {since:%Y-%m-%d}" in output


def test_a_replay_says_what_a_run_at_that_moment_would_have_said(finished: Any) -> None:
    finished.sql(
        """update features.project_features set average_pledge_amount = 9 * average_pledge_amount
        where snapshot_kind = 'd3' and snapshot_at > timestamp '2023-09-04'"""
    )
    check_again(finished)
    columns = "feature, snapshot_kind, psi, adjusted_p_value, reference_count, current_count"
    replayed = finished.sql(
        f"select {columns}, is_alert from ml.drift_replays where week_at = timestamp '2023-11-06'"
        " order by all"
    )
    finished.sql("update core.warehouse_as_of set as_of = timestamp '2023-11-06'")
    for table in ("model_runs", "predictions"):
        finished.sql(f"update ml.{table} set as_of = timestamp '2023-11-06'")
    again(finished, hour=2)
    model = finished.setting("project_success"), finished.setting("milestone_risk")
    shown = [name for each in model for name in each.drift.report_only]
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


def test_a_repeated_run_adds_nothing_and_the_newest_settings_count(finished: Any) -> None:
    finished.sql(
        f"""update features.project_features set average_pledge_amount = 2 * average_pledge_amount
        where snapshot_kind = 'd3' and {RECENT}"""
    )
    tables = [f"select count(*) from ml.drift_{name}" for name in ("stats", "replays", "alarms")]
    check_again(finished)
    before = [finished.sql(table) for table in tables]
    again(finished, hour=2)
    assert [finished.sql(table) for table in tables] == before
    for hour, (old, new) in enumerate([("0.15", "9.15"), ("9.15", "0.15")], start=3):
        finished.edit(f"capped_shift_threshold = {old}", f"capped_shift_threshold = {new}")
        again(finished, hour=hour)
    newest = """select value_low > threshold from ml.drift_stats
        where feature = 'average_pledge_amount' and statistic = 'capped_mean_shift'
        order by measured_at desc limit 1"""
    assert finished.sql(newest) == [(True,)]


@pytest.mark.parametrize("fail", [False, True])
def test_an_alert_ends_with_1_only_when_asked_to(finished: Any, fail: bool) -> None:
    finished.sql(
        f"""update features.project_features set average_pledge_amount = 2 * average_pledge_amount
        where snapshot_kind = 'd3' and {RECENT}"""
    )
    flags = ("--fail-on-alert",) if fail else ()
    assert finished.run("monitor", *flags, run_id="run-2", hour=1).code == int(fail)


def test_without_an_alert_nothing_fails(finished: Any) -> None:
    assert finished.run("monitor", "--fail-on-alert", run_id="run-2", hour=1).code == 0


class TestHardlyAWindow:
    """Documented in models.toml: no comparison is reported, what has vanished is an alarm."""

    def test_empty(self, finished: Any) -> None:
        finished.sql(
            "delete from features.project_features"
            " where snapshot_at > (select min(cutoff_at) from ml.model_runs)"
        )
        finished.sql("delete from ml.predictions")
        output = check_again(finished)
        assert "features at d3 (0 of 30 projects needed)" in output
        assert finished.sql("select count(*) from ml.drift_stats where snapshot_kind = 'd3'") == [
            (0,)
        ]

    def test_constant(self, finished: Any) -> None:
        finished.sql(
            f"update features.project_features set average_pledge_amount = 1 where {RECENT}"
        )
        check_again(finished)
        assert ("average_pledge_amount", "d3", "psi") in finished.sql(ALERTS)

    def test_unseen_categories_only(self, finished: Any) -> None:
        finished.sql(f"update features.project_features set category = 'Never' where {RECENT}")
        check_again(finished)
        assert ("category", "d3", "psi") in finished.sql(ALERTS)

    def test_all_null_of_a_category(self, finished: Any) -> None:
        finished.sql(f"update features.project_features set category = null where {RECENT}")
        check_again(finished)
        assert ("category", "d3", "psi") in finished.sql(ALERTS)

    def test_a_feature_that_training_never_knew(self, finished: Any) -> None:
        finished.sql(
            f"""update features.project_features set average_pledge_amount = null
            where not {RECENT}"""
        )
        output = check_again(finished)
        assert ("average_pledge_amount", "d3", "psi") in finished.sql(ALERTS)
        assert "ALERT average_pledge_amount at d3 moved: PSI" in output

    def test_a_feature_without_a_column_is_named(self, finished: Any) -> None:
        finished.sql("alter table features.project_features drop column average_pledge_amount")
        outcome = finished.run("monitor", run_id="run-2", hour=1)
        assert outcome.code == 2
        assert "has no column 'average_pledge_amount'" in outcome.err
