"""The page about experiments: the decision, its reason, and the interval over time."""

from typing import Any

from markupsafe import Markup

from pages.failures import failures
from pages.formats import day
from pages.matplotlib_charts import COLORS, FAINT, date_axis, new_chart, to_svg
from pages.published import Published
from pages.site import Site

_COLUMNS = (
    *("experiment", "is_exploratory", "hypothesis", "control", "treatment", "metric"),
    *("metric_role", "look_number", "look_at", "control_backer_count", "treatment_backer_count"),
    *("control_view_count", "treatment_view_count", "control_value", "treatment_value"),
    *("difference", "difference_low", "difference_high"),
    *("repeated_difference_low", "repeated_difference_high"),
    *("lift_ratio", "lift_ratio_low", "lift_ratio_high"),
    *("repeated_lift_ratio_low", "repeated_lift_ratio_high"),
    *("statistic", "p_value", "adjusted_p_value", "cuped_difference", "cuped_difference_low"),
    *("cuped_difference_high", "cuped_variance_ratio", "information_fraction", "alpha_spent"),
    *("boundary", "is_significant", "conditional_power", "control_exposed_count"),
    *("treatment_exposed_count", "sample_ratio_p_value", "is_sample_ratio_broken"),
    *("window_days", "first_window_closes_at", "missing_reason", "decision", "reason"),
)
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
_MAX_LIFT = 1.0  # beyond that an early interval would squeeze all others


def write(published: Published, site: Site) -> None:
    """Writes `index.html` from `insights.experiment_readout`."""
    rows = published.fetch(
        f"select {', '.join(_COLUMNS)} from insights.experiment_readout"
        " order by experiment, treatment, look_number"
    )
    found: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for row in rows:
        named = dict(zip(_COLUMNS, row, strict=True))
        found.setdefault((named["experiment"], named["treatment"]), []).append(named)
    site.write(
        "experiments/index.html",
        "experiments.html.jinja",
        experiments=[_experiment(each) for each in found.values()],
        failures=failures(published, "experiment"),
    )


def _experiment(rows: list[dict[str, Any]]) -> dict[str, Any]:
    primary = [row for row in rows if row["metric_role"] == "primary"]
    last = primary[-1]
    at_last = {
        row["metric"]: row | {"label": label}
        for metric, label in _LABELS.items()
        for row in rows
        if row["metric"] == metric and row["look_number"] == last["look_number"]
    }
    analysed = [row for row in primary if row["difference"] is not None]
    return {
        "last": last,
        "tone": _TONES.get(last["decision"], "warning"),
        "metrics": list(at_last.values()),
        "looks": analysed[::-1],
        "chart": _chart(analysed) if analysed else None,
    }


def _chart(looks: list[dict[str, Any]]) -> Markup:
    figure, (axes,) = new_chart()
    tested = [row for row in looks if row["repeated_lift_ratio_low"] is not None]
    begins_at = tested[0]["look_number"] if tested else 0
    shown = [
        row
        for row in looks
        if row["look_number"] >= begins_at and row["lift_ratio_low"] is not None
    ]
    times = [row["look_at"] for row in shown]
    axes.axhline(0, color=FAINT, linewidth=1)
    if tested:
        axes.vlines(
            [row["look_at"] for row in tested],
            _column(tested, "repeated_lift_ratio_low"),
            _column(tested, "repeated_lift_ratio_high"),
            color=COLORS[0],
            alpha=0.3,
            linewidth=5,
            label="95 % over all looks",
        )
    for name, label in (("lift_ratio_low", "95 % for one look alone"), ("lift_ratio_high", None)):
        axes.plot(times, _column(shown, name), "--", color=COLORS[1], linewidth=1, label=label)
    axes.plot(
        times, _column(shown, "lift_ratio"), "o-", color=COLORS[0], markersize=3, label="estimate"
    )
    stop = next((row for row in tested if abs(row["statistic"]) >= row["boundary"]), None)
    if stop:
        axes.axvline(
            stop["look_at"], color=FAINT, linewidth=1, linestyle=":", label="boundary reached"
        )
    axes.set_ylabel("Lift of conversion, %")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    date_axis(axes)
    axes.legend(fontsize=8)
    return to_svg(figure, text=_text(tested, looks, stop))


def _column(rows: list[dict[str, Any]], name: str) -> list[float]:
    return [min(max(row[name], -_MAX_LIFT), _MAX_LIFT) for row in rows]


def _text(
    tested: list[dict[str, Any]], looks: list[dict[str, Any]], stop: dict[str, Any] | None
) -> str:
    text = f"Lift of conversion at {len(looks)} looks"
    if tested:
        ends = [tested[0], *tested[1:][-1:]]
        verb = "is" if len(ends) == 1 else "goes from"
        text += f": the interval over all looks {verb} " + " to ".join(
            f"{100 * row['repeated_lift_ratio_low']:+.1f} %"
            f" … {100 * row['repeated_lift_ratio_high']:+.1f} %"
            f" on {day(row['look_at'])}"
            for row in ends
        )
    if stop:
        text += f"; the boundary was reached on {day(stop['look_at'])}"
    return text + ". The table of looks below has all figures."
