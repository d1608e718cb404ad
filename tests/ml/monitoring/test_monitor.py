"""Drift on a platform: like with like, evidence and relevance."""

import re
from typing import Any

import pytest
from scipy import stats

from tests.ml.monitoring.drift_runs import ALERTS, RECENT, again, check_again


def test_a_steady_platform_is_quiet_and_every_feature_is_reported(finished: Any) -> None:
    assert finished.sql(ALERTS) == []
    rows = finished.sql(
        """select feature, statistic, reference_count, current_count from ml.drift_stats
        where snapshot_kind = 'd3'"""
    )
    model = finished.setting("project_success")
    beside = {"predicted_probability", "calibration_level", "calibration_slope"}
    assert {row[0] for row in rows} == {*model.features.names, *beside}
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
        """select reference_count, max(current_count) from ml.drift_stats
        where snapshot_kind = 'vote_3d' and feature <> 'predicted_probability' group by 1"""
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


def test_a_new_mix_of_categories_raises_an_alert(projects: Any) -> None:
    projects.sql(
        f"update features.project_features set category = 'Category 1' where {RECENT}"
        " and project_id % 2 = 0"
    )
    check_again(projects)
    assert ("category", "d3", "psi") in projects.sql(ALERTS)


def test_a_feature_that_vanishes_raises_an_alert(projects: Any) -> None:
    projects.sql(f"update features.project_features set funding_ratio = null where {RECENT}")
    check_again(projects)
    assert ("funding_ratio", "d3", "psi") in projects.sql(ALERTS)


def test_what_moves_by_construction_is_reported_and_no_alert(finished: Any) -> None:
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


def test_evidence_without_relevance_is_no_alert(projects: Any) -> None:
    projects.sql(
        """update features.project_features set pledged_amount = 5000 + project_id % 7
        where snapshot_kind = 'd3'"""
    )
    projects.sql(
        f"""update features.project_features set pledged_amount = pledged_amount + 3
        where snapshot_kind = 'd3' and {RECENT}"""
    )
    check_again(projects)
    shift = projects.sql(
        """select value, adjusted_p_value, is_alert from ml.drift_stats
        where feature = 'pledged_amount' and statistic = 'relative_mean_shift'
            and snapshot_kind = 'd3'"""
    )[0]
    assert shift[0] < 0.01
    assert shift[1] < 0.001
    assert shift[2] is False


def test_another_threshold_gives_new_rows(finished: Any) -> None:
    count = "select count(*) from ml.drift_stats where statistic = 'psi'"
    before = finished.sql(count)[0][0]
    finished.edit("psi_threshold = 0.05", "psi_threshold = 0.3")
    assert finished.run("monitor", run_id="run-2", hour=1).code == 0
    assert finished.sql(count)[0][0] == 2 * before


def test_p_values_are_adjusted_over_watched_features_of_all_clocks_and_apart_over_the_others(
    finished: Any,
) -> None:
    model = finished.setting("milestone_risk")
    rows = finished.sql(
        """select distinct feature, snapshot_kind, p_value, adjusted_p_value from ml.drift_stats
        where model_name = 'milestone_risk' and p_value is not null
            and feature not like 'calibration%'"""
    )
    assert {row[1] for row in rows} == {"start", "vote_3d", "matured"}
    shown = {*model.drift.report_only, "predicted_probability"}
    for is_shown in (True, False):
        family = [row for row in rows if (row[0] in shown) == is_shown]
        expected = stats.false_discovery_control([row[2] for row in family])
        assert [row[3] for row in family] == pytest.approx(list(expected))


def test_predictions_that_move_show_what_is_expected_and_raise_no_alert(finished: Any) -> None:
    finished.sql(
        f"""update ml.predictions set predicted_probability = 0.5 + predicted_probability / 10
        where snapshot_kind = 'd3' and {RECENT}"""
    )
    check_again(finished)
    assert finished.sql(ALERTS) == []
    moved = """select value > 1, p_value < 0.001 from ml.drift_stats
        where feature = 'predicted_probability' and snapshot_kind = 'd3' and statistic = 'psi'
        order by measured_at desc limit 1"""
    assert finished.sql(moved) == [(True, True)]
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


def test_labels_that_move_raise_an_alert_once_their_cohort_has_matured(projects: Any) -> None:
    recent = """project_id in (select project_id from core.dim_projects
        where deadline_at > timestamp '2023-10-03')"""
    projects.sql(f"update features.project_labels set is_successful = true where {recent}")
    check_again(projects)
    assert ("is_successful", "matured", "capped_mean_shift") in projects.sql(ALERTS)


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
            and snapshot_kind = 'd3'
        order by measured_at desc limit 1"""
    assert finished.sql(newest) == [(True,)]


@pytest.mark.parametrize("fail", [False, True])
def test_an_alert_ends_with_1_only_when_asked_to(projects: Any, fail: bool) -> None:
    projects.sql(
        f"""update features.project_features set average_pledge_amount = 2 * average_pledge_amount
        where snapshot_kind = 'd3' and {RECENT}"""
    )
    flags = ("--fail-on-alert",) if fail else ()
    assert projects.run("monitor", *flags, run_id="run-2", hour=1).code == int(fail)


def test_without_an_alert_nothing_fails(finished: Any) -> None:
    assert finished.run("monitor", "--fail-on-alert", run_id="run-2", hour=1).code == 0
