"""Alerts keep their budget where nothing moves, and are raised where something does."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ml import settings
from ml.monitoring import drift
from ml.monitoring.alerts import Watch
from ml.monitoring.findings import LEVEL, SLOPE, Monitored, Window
from ml.monitoring.samples import Sample
from ml.monitoring.summary import monitored_lines

AS_OF = datetime(2024, 1, 1)
DRIFT = settings.load(settings.DEFAULT_PATH)[0].drift
NAMES = tuple(f"number_{place}" for place in range(12))


def draw(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Heavy-tailed numbers that move together, some of them unknown or zero, and a category."""
    common = rng.normal(size=rows)
    columns: dict[str, Any] = {
        name: np.exp(common * place / 12 + rng.normal(size=rows) * 1.5)
        for place, name in enumerate(NAMES)
    }
    columns[NAMES[0]][common < -1] = np.nan
    columns[NAMES[1]][common > 1] = 0
    columns["category"] = rng.choice(list("abcdefgh"), rows).tolist()
    return columns


def sample(rng: np.random.Generator, reference: int, recent: int, days: int = 80) -> Sample:
    age = np.sort(rng.random(recent))[::-1] * days * 86_400_000_000
    return Sample(
        snapshot_kind="d3",
        numbers=NAMES,
        reference=draw(rng, reference),
        recent=draw(rng, recent),
        known_at=np.datetime64(AS_OF) - age.astype("timedelta64[us]"),
        reference_count=reference,
    )


def test_a_week_without_a_new_row_is_not_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    compare = drift.Numbers.compare

    def noted(reference: drift.Numbers, current: Any, z: float) -> drift.Shift:
        compared.append(len(current))
        return compare(reference, current, z)

    monkeypatch.setattr(drift.Numbers, "compare", noted)
    watch = Watch(DRIFT, [sample(np.random.default_rng(1), 480, 60, days=20)])
    found = [watch.findings(AS_OF + timedelta(days=7 * week)) for week in range(2)]
    assert found[0] == found[1]
    assert compared == [60] * len(NAMES)
    watch.findings(AS_OF - timedelta(days=5))
    assert len(compared) == 2 * len(NAMES)


@pytest.mark.parametrize("recent", [30, 100, 1000])
def test_where_nothing_moves_few_runs_alert(recent: int) -> None:
    rng = np.random.default_rng(recent)
    runs = [
        any(found.is_alert for found in Watch(DRIFT, [
            sample(rng, 8 * recent, recent)
        ]).findings(AS_OF))
        for _ in range(150)
    ]  # fmt: skip
    assert np.mean(runs) <= 0.05


@pytest.mark.parametrize(("recent", "factor"), [(1000, 1.6), (3000, 1.4)])
def test_a_change_is_seen_and_only_that(recent: int, factor: float) -> None:
    rng = np.random.default_rng(recent)
    seen = []
    for _ in range(40):
        one = sample(rng, 8 * recent, recent)
        one.recent[NAMES[5]] *= factor
        findings = Watch(DRIFT, [one]).findings(AS_OF)
        seen.append([found.feature for found in findings if found.is_alert])
    assert sum(names == [NAMES[5]] for names in seen) >= 36


def test_a_slow_rise_that_many_projects_make_evident_is_not_relevant() -> None:
    rng = np.random.default_rng(3)
    one = sample(rng, 30_000, 10_000)
    one.recent[NAMES[5]] *= 1.12
    (found,) = (found for found in Watch(DRIFT, [one]).findings(AS_OF) if found.feature == NAMES[5])
    assert found.adjusted_p_value < 1e-4
    assert not found.is_alert


def test_the_window_is_the_last_days_or_as_far_back_as_enough_take_it() -> None:
    one = sample(np.random.default_rng(4), 50, 200, days=400)
    days = [one.window(AS_OF, days, 30) for days in (400, 90, 1)]
    assert days[0] == slice(0, 200)
    expected = int((one.known_at >= np.datetime64(AS_OF - timedelta(days=90))).sum())
    assert days[1] == slice(200 - expected, 200)
    assert days[2] == slice(170, 200)
    assert one.window(AS_OF - timedelta(days=500), 90, 30) == slice(0, 0)


def test_what_moves_by_nature_never_alerts() -> None:
    one = sample(np.random.default_rng(5), 2000, 500)
    name = DRIFT.report_only[0]
    one.reference[name], one.recent[name] = one.reference[NAMES[2]], 9 * one.recent[NAMES[2]]
    (found,) = (
        found
        for found in Watch(DRIFT, [one._replace(numbers=(*NAMES, name))]).findings(AS_OF)
        if found.feature == name
    )
    assert found.adjusted_p_value < 1e-9
    assert not found.is_alert


def test_evidence_is_adjusted_as_benjamini_and_hochberg_define_it() -> None:
    found = Watch(DRIFT, [sample(np.random.default_rng(6), 400, 100)]).findings(AS_OF)
    p = np.array([each.shift.p_value for each in found])
    ranks = np.array([(p <= value).sum() for value in p])
    by_definition = [min(1, (p[p >= value] * len(p) / ranks[p >= value]).min()) for value in p]
    assert [each.adjusted_p_value for each in found] == pytest.approx(by_definition)


def test_the_short_window_sees_what_the_long_one_dilutes() -> None:
    rng = np.random.default_rng(8)
    one = sample(rng, 2400, 300, days=90)
    short = one.window(AS_OF, 30, 30)
    one.recent[NAMES[5]][short] *= 3
    both, long = (
        {
            found.feature: found
            for found in Watch(replace(DRIFT, window_days=days), [one]).findings(AS_OF)
        }[NAMES[5]]
        for days in ((90, 30), (90,))
    )
    assert both.is_alert
    assert both.current_count == short.stop - short.start
    assert both.adjusted_p_value < long.adjusted_p_value / 10


def test_windows_that_are_one_are_tested_once() -> None:
    one = sample(np.random.default_rng(9), 400, 30)
    both, single = (
        [
            found.shift.p_value
            for found in Watch(replace(DRIFT, window_days=days), [one]).findings(AS_OF)
        ]
        for days in ((90, 30), (90,))
    )
    assert both == single


def test_the_screen_counts_features_alone_and_says_when_none_was_tested() -> None:
    run = SimpleNamespace(model_name="risk", model_version="v1")
    few = Window("d3", ("a", "b"), reference_count=20, current_count=30, needed_count=30)
    many = few._replace(reference_count=40)
    off = Window("d3", (LEVEL, SLOPE), reference_count=81, current_count=30, needed_count=30)
    for windows, said in (([many, off], "2 features tested"), ([few, off], "features not tested")):
        result = Monitored(run, windows, [])  # type: ignore[arg-type]
        first, tested, *_ = monitored_lines(result)
        assert (result.status == "features not tested") == (windows[0] is few)
        assert f"no drift detected ({said})" in first
        assert "calibration at d3 (30 recent of 81 outcomes since the cut)" in tested
