"""The page about the models in use: drift, since when, and their accuracy on known outcomes."""

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
from markupsafe import Markup

from pages.failures import failures
from pages.formats import day
from pages.matplotlib_charts import COLORS, FAINT, INK, date_axis, new_chart, to_svg
from pages.published import DRIFT, NO_DRIFT, NOT_TESTED, Published
from pages.site import Site

Row = dict[str, Any]

_WEEKS_SHOWN = 10  # matured, and as many still to come
_MODELS = "select model_name from intermediate.int_models_in_use order by model_name desc"
_ALERTS = """
    select feature, snapshot_kind, words, since_at from insights.drift_alerts
    where model_name = $model order by snapshot_kind, feature"""
_CHECKS = """
    select snapshot_kind, subject, status, reason, feature_count, current_count, reference_count,
        needed_count
    from insights.drift_status where model_name = $model
    order by subject, snapshot_kind"""
_REPLAYS = """
    select week_at, feature, snapshot_kind, is_alert from staging.stg_drift_replays
    where model_name = $model order by week_at, feature, snapshot_kind"""
_SHIFTS = """
    select
        feature, snapshot_kind,
        max(value) filter (statistic = 'relative_mean_shift') as mean_shift,
        max(value) filter (statistic = 'capped_mean_shift') as capped_shift,
        max(value) filter (statistic = 'psi') as psi,
        max(adjusted_p_value) as adjusted_p_value,
        max(reference_count) as reference_count, max(current_count) as current_count,
        bool_or(is_alert) as is_alert
    from staging.stg_drift_stats
    where model_name = $model and p_value is not null and feature not like 'calibration%'
    group by feature, snapshot_kind
    order by is_alert desc, adjusted_p_value, snapshot_kind, feature"""
_CALIBRATION = """
    select
        snapshot_kind,
        max(value) filter (statistic = 'mean_predicted_probability') as predicted,
        max(value) filter (statistic = 'observed_share') as observed,
        max(value) filter (statistic = 'slope') as slope,
        max(value) filter (statistic = 'e_value') as e_value,
        max(threshold) filter (statistic = 'e_value') as needed_e_value,
        max(current_count) as current_count, max(reference_count) as reference_count
    from staging.stg_drift_stats
    where model_name = $model and feature like 'calibration%'
    group by snapshot_kind"""
_PERFORMANCE = """
    select
        cohort_week, matured_count, pending_count, accuracy, matured_estimated_accuracy,
        pending_estimated_accuracy, accuracy_low, accuracy_high, majority_guess
    from insights.model_performance
    where model_name = $model and model_version = $version and snapshot_kind = $kind
    order by cohort_week"""


def write(published: Published, site: Site) -> None:
    """Writes the page."""
    runs = [published.run_in_use(name) for (name,) in published.fetch(_MODELS)]
    models = [_model(published, run) for run in runs if run and run.status == "trained"]
    site.write(
        "monitoring/index.html",
        "monitoring.html.jinja",
        models=models,
        failures=failures(published, "train", "predict", "monitor"),
        has_backtest=(site.root / "monitoring" / "backtest.html").exists(),
    )


def _model(published: Published, run: SimpleNamespace) -> Row:
    name = run.model_name
    keys = {"model": name, "version": run.model_version}
    alerts = published.fetch(_ALERTS, model=name)
    checks = published.rows(_CHECKS, model=name)
    replays = published.fetch(_REPLAYS, model=name)
    judged = [each["snapshot_kind"] for each in checks if each["subject"] == "calibration"]
    kind_judged = judged[0] if judged else None
    weeks = published.fetch(_PERFORMANCE, **keys, kind=kind_judged)
    now = published.as_of()
    watched = {(feature, kind) for _, feature, kind, _ in replays}
    replayed = {week for week, *_ in replays}
    replays = [replay for replay in replays if replay[3] is not None]
    untested = replayed - {week for week, *_ in replays}
    replays += [(now, feature, kind, True) for feature, kind, *_ in alerts]
    return {
        "name": name,
        "version": run.model_version,
        "cutoff_at": run.cutoff_at,
        "alerts": [message for _, _, message, _ in alerts],
        "checks": checks,
        **_status(checks, len(alerts)),
        "alert_periods": _alert_periods(replays, now),
        "weeks_watched": len({week for week, *_ in replays}),
        "weeks_untested": len(untested),
        "calibration": published.rows(_CALIBRATION, model=name),
        "kind_judged": kind_judged,
        "alert_chart": alert_chart(replays) if replays else None,
        "shifts": [
            (*shift, (shift[0], shift[1]) in watched)
            for shift in published.fetch(_SHIFTS, model=name)
        ],
        "weeks": [
            *[week for week in weeks if week[1]][-_WEEKS_SHOWN:],
            *[week for week in weeks if not week[1]][:_WEEKS_SHOWN],
        ],
        "performance_chart": _performance_chart(weeks) if weeks else None,
    }


def _status(checks: Sequence[Row], alert_count: int) -> Row:
    """Returns the status of a model, short and as a sentence."""
    tested = [check for check in checks if check["status"] != NOT_TESTED]
    if alert_count:
        return {"status": DRIFT.capitalize(), "summary": DRIFT.capitalize()}
    if tested:
        # a feature that is tested at several kinds of snapshot counts once
        features = [each["feature_count"] for each in tested if each["subject"] == "features"]
        count = f"{max(features)} features" if features else "features not"
        status = NO_DRIFT if features else "features not tested"
        summary = f"{NO_DRIFT.capitalize()} ({count} tested)"
        return {"status": status.capitalize(), "summary": summary}
    reasons = [check["reason"] for check in checks if check["reason"]]
    reason = reasons[0] if reasons else "the monitor has not run for this timestamp"
    return {"status": NOT_TESTED.capitalize(), "summary": f"{NOT_TESTED.capitalize()}: {reason}"}


def _alert_periods(replays: Sequence[tuple[Any, ...]], now: datetime) -> list[Row]:
    """Returns the unbroken runs of weeks with an alert for a feature at a prediction time."""
    weeks = sorted({week for week, *_ in replays})
    place = {week: number for number, week in enumerate(weeks)}
    found: dict[tuple[str, str], list[Row]] = {}
    for week, feature, kind, is_alert in replays:
        if not is_alert:
            continue
        periods = found.setdefault((feature, kind), [])
        if periods and place[week] <= place[periods[-1]["until"]] + 1:
            periods[-1]["until"] = week
        else:
            periods.append(
                {"feature": feature, "snapshot_kind": kind, "since": week, "until": week}
            )
    all_periods = [period for periods in found.values() for period in periods]
    for period in all_periods:
        period["is_over"] = period["until"] < now
    return sorted(
        all_periods,
        key=lambda period: (period["since"], period["feature"], period["snapshot_kind"]),
    )


def alert_chart(replays: Sequence[tuple[Any, ...]], *, onset: datetime | None = None) -> Markup:
    """Draws a row per feature that ever had an alert, a mark per week; the thin line has all weeks.

    Args:
        replays: Week, feature, prediction time and whether there was an alert; at least one.
        onset: When the drift began, where that is known.
    """
    tested_weeks = sorted({week for week, *_ in replays})
    names = sorted({(feature, kind) for _, feature, kind, is_alert in replays if is_alert})
    figure, (axes,) = new_chart(height=0.9 + 0.22 * max(1, len(names)))
    axes.plot(
        np.array(tested_weeks),
        [-1] * len(tested_weeks),
        marker="|",
        color=FAINT,
        linewidth=0.5,
        markersize=5,
    )
    for row, name in enumerate(names):
        weeks = [when for when, *place, is_alert in replays if is_alert and (*place,) == name]
        axes.scatter(np.array(weeks), [row] * len(weeks), marker="s", s=26, color=COLORS[1])
    axes.set_yticks([-1, *range(len(names))], ["tested", *(f"{f} ({c})" for f, c in names)])
    axes.set_ylim(-1.6, len(names) - 0.4)
    if onset:
        axes.plot(np.array([onset] * 2), [-1.6, len(names) - 0.4], color=INK, linestyle="--", lw=1)
    date_axis(axes)
    alerts = sum(is_alert for *_, is_alert in replays)
    text = (
        f"{len(tested_weeks)} weeks tested from {day(tested_weeks[0])} to {day(tested_weeks[-1])},"
        f" {alerts} alerts of {len(names)} features."
    )
    return to_svg(figure, text=text)


def _performance_chart(weeks: Sequence[tuple[Any, ...]]) -> Markup:
    """Draws accuracy with its interval, the majority guess and the expected accuracy, by week."""
    figure, (axes,) = new_chart()
    days = np.array([row[0] for row in weeks])
    series = (
        (3, "observed", "o", "-", COLORS[0]),
        (4, "expected for the same predictions", "", "--", COLORS[1]),
        (5, "expected, outcomes pending", "^", ":", COLORS[2]),
        (8, "majority guess", "", "-.", INK),
    )
    columns = {
        place: np.array([np.nan if row[place] is None else row[place] for row in weeks])
        for place in range(3, 9)
    }
    axes.fill_between(days, columns[6], columns[7], color=COLORS[0], alpha=0.15, linewidth=0)
    for column, label, marker, style, color in series:
        values = columns[column]
        axes.plot(days, values, marker=marker, linestyle=style, color=color, label=label, ms=3)
    axes.set_ylabel("Accuracy, share")
    figure.legend(loc="outside upper center", ncols=2)
    date_axis(axes)
    text = f"Accuracy by week of {len(weeks)} weeks; the table below has the nearest ones."
    return to_svg(figure, text=text)
