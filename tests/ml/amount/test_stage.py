"""The stage on a small warehouse: what it writes, when it writes nothing, and what it refuses."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ml.amount import stage
from ml.amount.summary import amount_lines
from ml.cli import main
from tests.ml.amount.conftest import Platform

Make = Callable[[int], Platform]
SIZES = """
    select (select count(*) from ml.final_amount_runs), (select count(*) from ml.final_amount),
        (select count(*) from ml.final_amount_metrics)"""
CURRENT = """
    select project_id, final_amount_low, final_amount_median, final_amount_high
    from staging.stg_final_amount where snapshot_kind = 'current' order by project_id"""


def test_every_snapshot_of_a_live_project_gets_an_interval_in_order(make_platform: Make) -> None:
    platform = make_platform(200)
    found = platform.run()
    assert found.interval_count == found.live_count > 3
    [(snapshots,)] = platform.sql(
        """select count(*) from features.project_features as features
        semi join (from features.project_features where snapshot_kind = 'current') as live
            using (project_id)"""
    )
    rows = platform.sql(
        """select final_amount_low, final_amount_median, final_amount_high,
            features.pledged_amount::decimal(18, 2), feature_values, snapshot_kind
        from staging.stg_final_amount
        inner join features.project_features as features
            using (project_id, snapshot_kind, snapshot_at)
        left join staging.stg_prediction_inputs using (prediction_id)"""
    )
    assert len(rows) == snapshots > 10
    for low, median, high, pledged, values, kind in rows:
        assert pledged <= low <= median <= high
        assert all(isinstance(each, Decimal) for each in (low, median, high))
        # of earlier snapshots they stand in the features
        assert ('"pledged_amount"' in values) if kind == "current" else values is None
    [text, *_] = amount_lines(found, "d3")
    assert f"90 % intervals for {found.live_count} of {found.live_count} live projects" in text


def test_an_unchanged_run_adds_nothing_and_a_correction_and_back_leaves_no_trace(
    make_platform: Make,
) -> None:
    platform = make_platform(130)
    platform.run()
    first, sizes = platform.sql(CURRENT), platform.sql(SIZES)
    assert amount_lines(platform.run(), "d3")[0].endswith(": up to date")
    assert platform.sql(SIZES) == sizes
    change = """update features.project_features set {} where snapshot_kind = 'current'"""
    platform.sql(change.format("pledged_amount = pledged_amount + 1000"))
    platform.run()
    corrected = platform.sql(CURRENT)
    assert {row[0] for row in corrected} == {row[0] for row in first}
    assert all(new[1] > old[1] for new, old in zip(corrected, first, strict=True))
    platform.sql(change.format("pledged_amount = pledged_amount - 1000"))
    platform.run()
    assert platform.sql(CURRENT) == first
    assert platform.sql(SIZES)[0] == (3, 2 * sizes[0][1], 2 * sizes[0][2])


def test_what_ended_after_the_cut_is_measured_on_and_changes_no_interval(
    make_platform: Make,
) -> None:
    platform = make_platform(130)
    cutoff = platform.run().run.cutoff_at
    before = platform.sql(CURRENT)
    metrics = "select sum(value) from staging.stg_final_amount_metrics"
    measured = platform.sql(metrics)
    platform.sql(
        "update core.dim_projects set pledged_amount = pledged_amount + 5000"
        f" where deadline_at > timestamp '{cutoff}'"
    )
    platform.run()
    assert platform.sql(CURRENT) == before
    assert platform.sql(metrics) != measured


def test_another_as_of_has_rows_of_its_own(make_platform: Make) -> None:
    platform = make_platform(130)
    platform.run()
    first = platform.sql(CURRENT)
    move = "update core.warehouse_as_of set as_of = as_of {} interval 1 microsecond"
    platform.sql(move.format("+"))
    assert platform.sql(CURRENT) == []
    platform.run()
    assert platform.sql(CURRENT) == first
    platform.sql(move.format("-"))
    assert platform.sql(CURRENT) == first


def test_what_was_fitted_serves_at_the_next_as_of_unless_its_file_is_damaged(
    make_platform: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = make_platform(130)
    platform.run()
    [file] = platform.path.parent.rglob("models/final_amount/*/model.joblib")
    whole, metrics = file.read_bytes(), "from staging.stg_final_amount_metrics order by all"
    move = "update core.warehouse_as_of set as_of = as_of + interval 1 microsecond"
    measures = f"select predictor, snapshot_kind, metric, value, ci_low, ci_high {metrics}"
    first = platform.sql(CURRENT), platform.sql(measures)
    platform.sql(move)
    with monkeypatch.context() as patched:
        patched.setattr(stage.intervals, "fit", lambda *given: 1 / 0)
        platform.run()
    assert (platform.sql(CURRENT), platform.sql(measures)) == first
    file.write_bytes(b"damaged")
    platform.sql(move)
    platform.run()
    assert (platform.sql(CURRENT), platform.sql(measures)) == first
    assert file.read_bytes() == whole
    platform.sql("update core.dim_projects set pledged_amount = pledged_amount + 5000")
    platform.run()
    assert len(list(platform.path.parent.rglob("models/final_amount/*/model.joblib"))) == 3


@pytest.mark.parametrize(
    ("projects", "reason"),
    [
        (0, "no project has a known outcome to learn from yet"),
        (20, "projects with a final total known by the cut"),
        (60, None),
        (130, None),
    ],
)
def test_a_small_platform_says_what_it_can(
    make_platform: Make, projects: int, reason: str | None
) -> None:
    platform = make_platform(projects)
    found = platform.run()
    lines = amount_lines(found, "d3")
    if reason:
        assert reason in lines[0]
        assert platform.sql("select status, model_version from ml.final_amount_runs") == [
            ("skipped", None)
        ]
        assert found.interval_count == 0
    else:
        assert f"of {found.live_count} live projects" in lines[0]
        missing = found.run.without_intervals
        assert (missing is not None) == (projects == 60)
        assert missing is None or f"none at {missing}: too few" in lines[1]
        assert (projects == 60) == (lines[-1] == "not measured at d3: no intervals there")
        unmeasured = "not measured yet: nothing launched after the cut has ended"
        assert amount_lines(found._replace(measured=[]), "d3")[-1] == unmeasured
        assert amount_lines(found, "d0")[-1].endswith("no later campaigns that ended there")


def test_a_platform_with_nothing_live_is_measured(make_platform: Make) -> None:
    platform = make_platform(130)
    platform.sql("delete from features.project_features where snapshot_kind = 'current'")
    found = platform.run()
    assert (found.live_count, found.interval_count) == (0, 0)
    assert found.measured
    assert platform.sql(CURRENT) == []


def test_amounts_of_sixteen_digits_and_of_a_cent_stay_exact(make_platform: Make) -> None:
    platform = make_platform(130)
    largest = "9999999999999999.99"
    platform.sql(
        f"""alter table features.project_features alter pledged_amount type decimal(18, 2);
        alter table features.project_features alter funding_goal type decimal(18, 2);
        update features.project_features set pledged_amount = {largest}, funding_goal = 0.01
        where snapshot_kind = 'current' and project_id % 2 = 0"""
    )
    platform.run()
    even = [row for row in platform.sql(CURRENT) if row[0] % 2 == 0]
    assert even
    assert {each for row in even for each in row[1:]} == {Decimal(largest)}


def test_a_bug_leaves_no_intervals_and_ends_nothing_else(
    make_platform: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = make_platform(130)
    platform.run()
    calls: list[Any] = []
    monkeypatch.setattr(stage.rows, "live_rows", lambda *given: calls.append(given) or 1 / 0)
    platform.sql("update core.dim_projects set release_strategy = null")
    places = ("--db", str(platform.path), "--models", str(platform.path.parent / "models"))
    assert main(["amount", "bandit", *places, "--run-id", "x"]) == 3
    assert calls
    out = capsys.readouterr().out
    assert "final_amount: FAILED because of a bug (ZeroDivisionError" in out
    assert "bandit " in out
    status = "select status, model_version from intermediate.int_final_amount_in_use"
    assert platform.sql(status) == [("failed", None)]
    assert platform.sql(CURRENT) == []
