"""The page about experiments: the decision, its reason, and the interval over time."""

from typing import Any

from markupsafe import Markup

from pages import experiment_charts as charts
from pages.failures import failures
from pages.formats import day
from pages.published import Published
from pages.site import Site
from pages.tables import Column

Row = dict[str, Any]

_READOUT = """
    from insights.experiment_readout order by experiment, treatment, look_number"""
# Metrics of the last look, in this order.
_LABELS = {
    "conversion_ratio": "Conversion per view",
    "average_pledge_amount": "Average pledge",
    "amount_per_view": "Amount per view",
    "highlighted_amount_per_backer": "Amount per backer, projects shown",
    "elsewhere_amount_per_backer": "Amount per backer, projects never shown",
    "net_amount_per_backer": "Amount per backer, net",
}
_TONES = {"stop, ship": "passed", "stop, harm": "error", "stop, repair": "error"}
_NAIVE = "naive: projects shown only"
_EXPOSURES = """
    select
        experiment, count(*) as view_count, min(exposed_at) as first_at, max(exposed_at) as last_at
    from core.fct_experiment_exposures
    group by experiment
    order by experiment"""


def write(published: Published, site: Site) -> None:
    """Writes the page from `insights.experiment_readout`."""
    found: dict[tuple[str, str | None], list[Row]] = {}
    for row in published.rows(_READOUT):
        found.setdefault((row["experiment"], row["treatment"]), []).append(row)
    experiments = [
        _experiment(f"experiment-{number}", rows) for number, rows in enumerate(found.values())
    ]
    site.write(
        "experiments/index.html",
        "experiments.html.jinja",
        experiments=experiments,
        exposures=published.rows(_EXPOSURES),
        failures=failures(published, "experiment"),
    )


def _experiment(name: str, rows: list[Row]) -> Row:
    primary = [row for row in rows if row["metric_role"] == "primary"]
    last = primary[-1]
    at_last = [
        row | {"label": label}
        for metric, label in _LABELS.items()
        for row in rows
        if row["metric"] == metric and row["look_number"] == last["look_number"]
    ]
    analysed = [row for row in primary if row["difference"] is not None]
    informed = [row for row in analysed if row["information_fraction"] is not None]
    arms = (last["control"] or "control", last["treatment"] or "treatment")
    return {
        "name": name,
        "last": last,
        "tone": _TONES.get(last["decision"], "warning"),
        "metric_columns": _metric_columns(*arms),
        "metrics": [_metric(row) for row in at_last if row["metric_role"] != "interference"],
        "spillover_columns": _spillover_columns(*arms),
        "spillover": [_metric(row) for row in at_last if row["metric_role"] != "secondary"],
        "look_columns": _LOOK_COLUMNS,
        "looks": [_look(row) for row in analysed[::-1]],
        "information": informed[-1] if informed else None,
        "lift_chart": charts.lift_over_time(f"{name}-lift", analysed),
        "metric_chart": charts.metrics(f"{name}-metrics", at_last),
    }


def _metric_columns(control: str, treatment: str) -> tuple[Column, ...]:
    return (
        Column("label", "Metric", note="role"),
        Column("control_shown", control, "number"),
        Column("treatment_shown", treatment, "number"),
        Column("lift", "Lift", "number"),
        Column("one_look", "95 %, one look"),
        Column("all_looks", "95 %, all looks"),
        Column("p", "p, one look", "number"),
        Column("adjusted_p", "p, all metrics", "number"),
        Column("cuped", "CUPED difference", "number", note="variance"),
    )


def _spillover_columns(control: str, treatment: str) -> tuple[Column, ...]:
    return (
        Column("label", "Metric", note="naive"),
        Column("control_shown", control, "number"),
        Column("treatment_shown", treatment, "number"),
        Column("gap", "Difference", "number"),
        Column("lift", "Lift", "number"),
        Column("one_look", "95 %, one look"),
    )


_LOOK_COLUMNS = (
    Column("look_number", "Look", "count", note="day"),
    Column("backers", "Backers", "count"),
    Column("information", "Information", "percent"),
    Column("lift", "Lift", "number"),
    Column("all_looks", "95 %, all looks"),
    Column("statistic", "z", "number", digits=2),
    Column("boundary_shown", "Boundary", "number"),
    Column("decision", "Decision", filter=True),
)


def _metric(row: Row) -> Row:
    is_share = row["metric"] == "conversion_ratio"
    role = row["metric_role"]
    if row["is_significant"]:
        role += ", boundary reached"
    if row["missing_reason"]:
        role += f"; not computed: {row['missing_reason']}"
    variance = row["cuped_variance_ratio"]
    value, gap = ("{:.2f} %", "{:+.2f} points") if is_share else ("{:,.2f}", "{:+,.2f}")
    scale = 100 if is_share else 1
    return {
        "label": row["label"],
        "role": role,
        "naive": _NAIVE if row["metric_role"] == "primary" else None,
        **_shown("control_shown", row["control_value"], value, scale),
        **_shown("treatment_shown", row["treatment_value"], value, scale),
        **_shown("gap", row["difference"], gap, scale),
        **_shown("cuped", row["cuped_difference"], gap, scale),
        "variance": None if variance is None else f"variance {variance:.2f} times",
        **_intervals(row),
        **_p_value("p", row["p_value"]),
        **_p_value("adjusted_p", row["adjusted_p_value"]),
    }


def _shown(name: str, value: float | None, form: str, scale: int = 1) -> Row:
    """Returns a value as a cell shows it, and as it sorts and downloads."""
    if value is None:
        return {name: None}
    return {name: Markup("{}").format(form.format(scale * value)), f"{name}_order": value}


def _intervals(row: Row) -> Row:
    return {
        **_shown("lift", row["lift_ratio"], "{:+.1f} %", 100),
        "one_look": _span(row["lift_ratio_low"], row["lift_ratio_high"]),
        "all_looks": _span(row["repeated_lift_ratio_low"], row["repeated_lift_ratio_high"]),
    }


def _span(low: float | None, high: float | None) -> Markup | None:
    if low is None or high is None:
        return None
    return Markup('<span class="whole">[{}, {}]</span>').format(
        *(f"{100 * end:+.1f} %" for end in (low, high))
    )


def _p_value(name: str, value: float | None) -> Row:
    return _shown(name, value, "< 0.0001" if value is not None and value < 0.0001 else "{:.4f}")


def _look(row: Row) -> Row:
    share = row["information_fraction"]
    return {
        "look_number": row["look_number"],
        "day": day(row["look_at"]),
        "backers": row["control_backer_count"] + row["treatment_backer_count"],
        "information": Markup("not tested") if share is None else bar(share),
        "information_order": share,
        **_intervals(row),
        "statistic": row["statistic"],
        **_shown("boundary_shown", row["boundary"], "±{:.2f}"),
        "decision": row["decision"],
    }


def bar(share: float) -> Markup:
    """Returns a share of one as a bar with its figure."""
    return Markup('<span class="bar"><span style="width: {}%"></span></span> {} %').format(
        f"{100 * min(max(share, 0), 1):.0f}", f"{100 * share:.0f}"
    )
