"""Drift on a platform: like with like, evidence and relevance."""

from typing import Any

import pytest
from scipy import stats

ALERTS = "select feature, clock, statistic from ml.drift_stats where is_alert order by all"
RECENT = "snapshot_at > timestamp '2023-10-03'"


def check_again(platform: Any) -> str:
    platform.sql("delete from ml.drift_stats")
    outcome = platform.run("monitor", run_id="run-2", hour=1)
    assert outcome.code == 0
    return str(outcome.out)


def test_a_steady_platform_is_quiet_and_every_feature_is_reported(finished: Any) -> None:
    assert finished.sql(ALERTS) == []
    rows = finished.sql(
        """select feature, statistic, reference_count, current_count from ml.drift_stats
        where clock = 'd3'"""
    )
    model = finished.setting("project_success")
    assert {row[0] for row in rows} == set(model.features.names)
    kinds = {(row[0], row[1]) for row in rows}
    assert {kind for name, kind in kinds if name == "category"} == {"psi", "chi_square"}
    assert {kind for name, kind in kinds if name == "pledge_count"} == {
        "relative_mean_shift", "psi", "ks",
    }  # fmt: skip


def test_one_row_per_project_from_the_training_window_and_the_recent_one(finished: Any) -> None:
    windows = finished.sql(
        """select distinct reference_count, current_count from ml.drift_stats
        where clock = 'vote_3d'"""
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
    said = check_again(finished)
    assert {row[:2] for row in finished.sql(ALERTS)} == {("average_pledge_amount", "d3")}
    assert "1 moved: average_pledge_amount at d3 (mean +" in said


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
    assert finished.sql("select distinct current_count from ml.drift_stats") == [(45,)]


def test_too_few_recent_projects_are_not_compared(finished: Any) -> None:
    finished.edit("min_entities = 30\nmean", "min_entities = 5000\nmean")
    said = check_again(finished)
    assert "in training, too few to compare" in said
    assert finished.sql("select count(*) from ml.drift_stats") == [(0,)]


def test_another_threshold_gives_new_rows(finished: Any) -> None:
    count = "select count(*) from ml.drift_stats where statistic = 'psi'"
    before = finished.sql(count)[0][0]
    finished.edit("psi_threshold = 0.2", "psi_threshold = 0.3")
    assert finished.run("monitor", run_id="run-2", hour=1).code == 0
    assert finished.sql(count)[0][0] == 2 * before


def test_p_values_are_adjusted_over_watched_features_of_all_clocks_and_apart_over_the_others(
    finished: Any,
) -> None:
    model = finished.setting("milestone_risk")
    rows = finished.sql(
        """select distinct feature, clock, p_value, adjusted_p_value from ml.drift_stats
        where model_name = 'milestone_risk'"""
    )
    assert {row[1] for row in rows} == {"start", "vote_3d"}
    for is_watched in (True, False):
        family = [row for row in rows if (row[0] not in model.drift.report_only) == is_watched]
        expected = stats.false_discovery_control([row[2] for row in family])
        assert [row[3] for row in family] == pytest.approx(list(expected))
