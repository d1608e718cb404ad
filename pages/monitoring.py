"""The page about the models in use: drift, since when, and their accuracy on known outcomes."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from markupsafe import Markup

from pages import monitoring_charts as charts
from pages.failures import failures
from pages.formats import day, prediction_time
from pages.published import DRIFT, NO_DRIFT, NOT_TESTED, Published
from pages.report.facts import MODELS
from pages.site import Site
from pages.tables import Column

Row = dict[str, Any]

_MODELS = "select model_name from intermediate.int_models_in_use order by model_name desc"
_ALERTS = """
    select feature, snapshot_kind, words from insights.drift_alerts
    where model_name = $model order by snapshot_kind, feature"""
_CHECKS = """
    select snapshot_kind, subject, status, reason, feature_count, current_count, reference_count,
        needed_count, model_status, model_summary
    from insights.drift_status where model_name = $model
    order by subject, snapshot_kind"""
# The monitor replayed for each week, and its alerts now; weeks are numbered, so that what follows
# on one another has the same difference to the number of its row.
_WEEKS = """
    with

    results as (
        select week_at, feature, snapshot_kind, is_alert from staging.stg_drift_replays
        where model_name = $model
        union all
        select (select as_of from core.warehouse_as_of), feature, snapshot_kind, true
        from insights.drift_alerts where model_name = $model
    ),

    numbered as (
        select *, dense_rank() over (order by week_at) as week_number from results
    )
"""
_PERIODS = f"""{_WEEKS},

    weekly as (
        select
            feature, week_at, week_number,
            case
                when bool_or(is_alert) then 'alert'
                when count(is_alert) > 0 then 'no drift'
                else 'not tested'
            end as result
        from numbered group by feature, week_at, week_number
    ),

    periods as (
        select
            *,
            week_number
            - row_number() over (partition by feature, result order by week_at) as period
        from weekly
    )

    select
        feature, result, count(*) as week_count,
        min(week_at) - interval 7 day as begins_at, max(week_at) as ends_at
    from periods group by feature, result, period
    order by feature, begins_at"""
_ALERT_PERIODS = f"""{_WEEKS},

    periods as (
        select
            *,
            week_number
            - row_number() over (partition by feature, snapshot_kind order by week_at) as period
        from numbered where is_alert
    )

    select
        feature, snapshot_kind, cast(min(week_at) as date) as since,
        cast(nullif(max(week_at), (select as_of from core.warehouse_as_of)) as date) as until
    from periods group by feature, snapshot_kind, period
    order by min(week_at), feature, snapshot_kind"""
_WEEK_COUNTS = """
    select
        count(distinct week_at) filter (is_alert is not null) as tested,
        count(distinct week_at) as replayed
    from staging.stg_drift_replays where model_name = $model"""
_SHIFTS = """
    select
        feature, snapshot_kind,
        max(value) filter (statistic = 'relative_mean_shift') as mean_shift,
        max(value) filter (statistic = 'capped_mean_shift') as capped_shift,
        max(value) filter (statistic = 'psi') as psi,
        max(adjusted_p_value) as adjusted_p_value,
        max(reference_count) as reference_count, max(current_count) as current_count,
        bool_or(is_alert) as is_alert,
        (feature, snapshot_kind) in (
            select (feature, snapshot_kind) from staging.stg_drift_replays
            where model_name = $model
        ) as is_tested
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
        cohort_month as month, matured_count as matured, pending_count as pending,
        accuracy as observed, accuracy_low as low, accuracy_high as high, majority_guess as guess,
        matured_estimated_accuracy as expected, pending_estimated_accuracy as expected_pending
    from insights.model_performance_monthly
    where model_name = $model and model_version = $version and snapshot_kind = $kind
    order by month"""

_TONES = {DRIFT: "error some", NO_DRIFT: "passed"}
_NOT_RUN = (NOT_TESTED, f"{NOT_TESTED}: the monitor has not run for this timestamp")


def write(published: Published, site: Site) -> None:
    """Writes the page."""
    runs = [published.run_in_use(name) for (name,) in published.fetch(_MODELS)]
    models = [_model(published, run) for run in runs if run and run.status == "trained"]
    site.write(
        "monitoring/index.html",
        "monitoring.html.jinja",
        models=models,
        columns=_COLUMNS,
        min_count=charts.MIN_COUNT,
        failures=failures(published, "train", "predict", "monitor"),
        has_backtest=(site.root / "monitoring" / "backtest.html").exists(),
    )


def _model(published: Published, run: SimpleNamespace) -> Row:
    name = run.model_name
    alerts = published.rows(_ALERTS, model=name)
    checks = _rows(published, _CHECKS, name)
    judged = next((each for each in checks if each["subject"] == "calibration"), {})
    keys = {"model": name, "version": run.model_version, "kind": judged.get("snapshot_kind")}
    months = published.rows(_PERFORMANCE, **keys)
    periods = published.rows(_PERIODS, model=name)
    [weeks] = published.rows(_WEEK_COUNTS, model=name)
    return {
        "name": name,
        "version": run.model_version,
        "cutoff_at": run.cutoff_at,
        "alerts": [each["words"] for each in alerts],
        "checks": [_check(each) for each in checks],
        **_status(checks),
        "alert_periods": [_period(each) for each in _rows(published, _ALERT_PERIODS, name)],
        "weeks": weeks,
        "drift_chart": charts.drift(f"drift-{name}", periods)
        if weeks["tested"] or alerts
        else None,
        "calibration": _rows(published, _CALIBRATION, name),
        "judged_at": judged.get("kind"),
        "shifts": [_shift(each) for each in _rows(published, _SHIFTS, name)],
        "months": [_month(each) for each in months],
        "performance_chart": charts.performance(f"accuracy-{name}", months),
    }


def _status(checks: Sequence[Row]) -> Row:
    """Returns the status of a model, short and as a sentence."""
    status, summary = _NOT_RUN
    for check in checks[:1]:
        status, summary = check["model_status"], check["model_summary"]
    return {
        "status": status.capitalize(),
        "summary": summary[:1].upper() + summary[1:],
        "tone": _TONES.get(status, "warning some"),
    }


def _rows(published: Published, sql: str, name: str) -> list[Row]:
    """Reads rows of a model, each with its kind of snapshot in plain words."""
    kinds = published.snapshot_kinds(MODELS[name])
    return [
        row | {"kind": prediction_time(row["snapshot_kind"], kinds)}
        for row in published.rows(sql, model=name)
    ]


def _period(row: Row) -> Row:
    until = day(row["until"]) if row["until"] else "now"
    return row | {"until": Markup(until), "until_order": row["until"] or "now"}


def _check(row: Row) -> Row:
    if row["snapshot_kind"] is None:
        return row | {"result": _reasoned(row), "projects": "none"}
    form = "{:,} of {:,} since the cut" if row["subject"] == "calibration" else "{:,} / {:,}"
    counts = form.format(row["current_count"], row["reference_count"])
    return row | {"result": _reasoned(row), "projects": counts}


def _reasoned(row: Row) -> str:
    return f"{row['status']}: {row['reason']}" if row["reason"] else f"{row['status']}"


def _shift(row: Row) -> Row:
    why = (
        "with every refit" if row["feature"] == "predicted_probability" else "as the platform ages"
    )
    quiet = "no" if row["is_tested"] else f"report only: shifts {why}"
    p = row["adjusted_p_value"]
    found = {"alert": "yes" if row["is_alert"] else quiet, "p": Markup(f"{p:.2g}"), "p_order": p}
    for name in ("mean_shift", "capped_shift"):
        if row[name] is not None:
            found[f"{name}_order"] = row[name]
            found[name] = Markup(f"{100 * row[name]:+z.0f} %")
    return row | found


def _month(row: Row) -> Row:
    interval = None
    if row["low"] is not None:
        text = f"{100 * row['low']:z.1f} % to {100 * row['high']:z.1f} %"
        interval = Markup(f'<span class="whole">{text}</span>')
    month = {"month": Markup(f"{row['month']:%b %Y}"), "month_order": row["month"]}
    return row | month | {"interval": interval}


_COLUMNS = {
    "checks": (
        Column("subject", "Compared", note="kind"),
        Column("result", "Result"),
        Column("projects", "Recent / earlier projects"),
        Column("needed_count", "Needed in each", "count"),
    ),
    "alert_periods": (
        Column("feature", "Drifted feature", note="kind"),
        Column("since", "Since", "day"),
        Column("until", "Until"),
    ),
    "calibration": (
        Column("kind", "Predicted"),
        Column("predicted", "Mean probability", "percent"),
        Column("observed", "Observed share", "percent"),
        Column("slope", "Calibration slope", "number", digits=2),
        Column("current_count", "Recent outcomes", "count"),
        Column("reference_count", "Outcomes since the cut", "count"),
        Column("e_value", "Evidence of an error, to 1", "number", digits=2),
        Column("needed_e_value", "Needed for an alert", "number", digits=0),
    ),
    "months": (
        Column("month", "Month", "day"),
        Column("matured", "Known outcomes", "count"),
        Column("pending", "Pending", "count"),
        Column("observed", "Observed accuracy", "percent"),
        Column("interval", "95 % interval"),
        Column("guess", "Majority guess", "percent"),
        Column("expected", "Expected accuracy", "percent"),
        Column("expected_pending", "Expected accuracy, outcomes pending", "percent"),
    ),
    "shifts": (
        Column("feature", "Feature"),
        Column("kind", "Prediction time", filter=True),
        Column("mean_shift", "Mean", "number"),
        Column("capped_shift", "Mean without extremes", "number"),
        Column("psi", "PSI", "number", digits=3),
        Column("p", "Adjusted p-value", "number"),
        Column("current_count", "Recent projects", "count"),
        Column("reference_count", "Earlier projects", "count"),
        Column("alert", "Alert", filter=True),
    ),
}
