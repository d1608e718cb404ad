"""Windows with few rows or odd ones: what is tested, what is not, and that it is said."""

import re
from typing import Any

import pytest

from tests.ml.monitoring.drift_runs import ALERTS, RECENT, again, check_again

CHECK = """
    select status, reason, alert_count, reference_count, current_count, needed_count
    from ml.drift_checks
    where model_name = 'project_success' and snapshot_kind = 'd3' and subject = 'features'
    order by measured_at desc"""


def test_a_window_reaches_back_until_it_holds_enough(projects: Any) -> None:
    projects.edit("window_days = [90, 30]", "window_days = [1]")
    projects.edit("min_entities = 30\nmean", "min_entities = 45\nmean")
    check_again(projects)
    counts = "select distinct current_count from ml.drift_stats where feature = 'pledge_count'"
    assert projects.sql(counts) == [(45,)]


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


def test_alerts_count_no_more_when_nothing_can_be_tested_any_more(projects: Any) -> None:
    def shown() -> list[int]:
        return [
            projects.sql(
                f"select count({figure}) from staging.stg_drift_{view}"
                " where model_name = 'project_success'"
            )[0][0]
            for view, figure in (("stats", "*"), ("alarms", "*"), ("replays", "is_alert"))
        ]

    projects.sql(
        f"""update features.project_features set average_pledge_amount = 2 * average_pledge_amount
        where snapshot_kind = 'd3' and {RECENT}"""
    )
    check_again(projects)
    alerted = shown()
    assert min(alerted) > 0
    projects.edit("min_entities = 30\nmean", "min_entities = 5000\nmean")
    again(projects, hour=2)
    assert shown() == [0, 0, 0]
    projects.edit("min_entities = 5000\nmean", "min_entities = 30\nmean")
    again(projects, hour=3)
    assert shown() == alerted


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


class TestHardlyAWindow:
    """Documented in models.toml: no comparison is reported, what has vanished is an alert."""

    def test_empty(self, finished: Any) -> None:
        finished.sql(
            "delete from features.project_features"
            " where snapshot_at > (select min(cutoff_at) from ml.model_runs)"
        )
        finished.sql("delete from ml.predictions")
        output = check_again(finished)
        assert "features at d3 (0 of 30 projects needed)" in " ".join(output.split())
        assert finished.sql("select count(*) from ml.drift_stats where snapshot_kind = 'd3'") == [
            (0,)
        ]

    def test_constant(self, projects: Any) -> None:
        projects.sql(
            f"update features.project_features set average_pledge_amount = 1 where {RECENT}"
        )
        check_again(projects)
        assert ("average_pledge_amount", "d3", "psi") in projects.sql(ALERTS)

    def test_unseen_categories_only(self, projects: Any) -> None:
        projects.sql(f"update features.project_features set category = 'Never' where {RECENT}")
        check_again(projects)
        assert ("category", "d3", "psi") in projects.sql(ALERTS)

    def test_all_null_of_a_category(self, projects: Any) -> None:
        projects.sql(f"update features.project_features set category = null where {RECENT}")
        check_again(projects)
        assert ("category", "d3", "psi") in projects.sql(ALERTS)

    def test_a_feature_that_training_never_knew(self, projects: Any) -> None:
        projects.sql(
            f"""update features.project_features set average_pledge_amount = null
            where not {RECENT}"""
        )
        output = check_again(projects)
        assert ("average_pledge_amount", "d3", "psi") in projects.sql(ALERTS)
        assert "ALERT average_pledge_amount at d3 moved: PSI" in output

    def test_a_feature_that_neither_window_knows_is_not_tested(self, projects: Any) -> None:
        projects.sql("update features.project_features set average_pledge_amount = null")
        check_again(projects)
        status, reason, *_ = projects.sql(CHECK)[0]
        assert status == "no drift detected"
        assert reason == "not tested, unknown in both windows: average_pledge_amount"
        rows = "select count(is_alert), count(*) > 0 from ml.drift_replays"
        assert projects.sql(f"{rows} where feature = 'average_pledge_amount'") == [(0, True)]

    def test_a_feature_without_a_column_is_named(self, finished: Any) -> None:
        finished.sql("alter table features.project_features drop column average_pledge_amount")
        outcome = finished.run("monitor", run_id="run-2", hour=1)
        assert outcome.code == 2
        assert "has no column 'average_pledge_amount'" in outcome.err
