"""The charts of the page about the models in use."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import altair as alt
from markupsafe import Markup

from pages import charts
from pages.charts import COLORS, FAINT, INK
from pages.formats import day
from pages.series import Series, points

Rows = Sequence[Mapping[str, Any]]

MIN_COUNT = 10  # known outcomes: an accuracy of fewer says nothing
_RESULTS = {"alert": COLORS[1], "no drift": COLORS[2], "not tested": FAINT}
_THICKNESS = {"alert": 16, "no drift": 10, "not tested": 4}  # told apart without colours too
_OBSERVED = Series("observed, 95 % interval", COLORS[0])
_EXPECTED = Series("expected for the same predictions", COLORS[1], "triangle-up")
_PENDING = Series("expected, outcomes pending", COLORS[3], "diamond")
_GUESS = Series("majority guess", FAINT, "square")


def drift(name: str, periods: Rows, *, onset: datetime | None = None) -> Markup:
    """Draws what the monitor said of each feature, week by week.

    Args:
        name: Of the chart.
        periods: Weeks that follow on one another with the same result: `feature`, `result`,
            `week_count`, `begins_at` and `ends_at`; at least one.
        onset: When the drift began, where that is known.
    """
    rows = [
        {
            **each,
            "from": day(each["begins_at"]),
            "until": day(each["ends_at"]),
            "thickness": _THICKNESS[each["result"]],
        }
        for each in periods
    ]
    alerted = {row["feature"]: None for row in rows if row["result"] == "alert"}
    names = [
        *alerted,
        *dict.fromkeys(row["feature"] for row in rows if row["feature"] not in alerted),
    ]
    color = alt.Scale(domain=list(_RESULTS), range=list(_RESULTS.values()))
    bars = (
        alt.Chart(charts.values(rows))
        .mark_bar()
        .encode(
            x=charts.time_axis("begins_at"),
            x2=alt.X2("ends_at:T"),
            y=alt.Y("feature:N", sort=names, title=None, axis=alt.Axis(grid=False)),
            color=alt.Color("result:N", title=None, scale=color),
            size=alt.Size("thickness:Q", scale=None, legend=None),
            tooltip=[f"{each}:N" for each in ("feature", "result", "week_count", "from", "until")],
        )
    )
    line = alt.Chart(charts.values([{"begins_at": onset}])).mark_rule(color=INK, strokeDash=[5, 3])
    layers = [bars, line.encode(x=alt.X("begins_at:T"))] if onset else [bars]

    def build(width: int) -> Any:
        room = width - 150 if width <= charts.NARROW else width - 60
        return alt.layer(*layers).properties(width=room, height=alt.Step(20))

    first, last = min(row["begins_at"] for row in rows), max(row["ends_at"] for row in rows)
    weeks = sum(row["week_count"] for row in rows if row["result"] == "alert")
    return charts.chart(
        name,
        build,
        text=f"Result of each feature and week from {day(first)} to {day(last)}: alerts in {weeks}"
        f" weeks of {len(alerted)} of {len(names)} features.",
    )


def week(feature: str, result: str, ends_at: datetime) -> dict[str, Any]:
    """Returns the result of one week as a period."""
    begins_at = ends_at - timedelta(weeks=1)
    return {"feature": feature, "result": result, "week_count": 1, "begins_at": begins_at,
            "ends_at": ends_at}  # fmt: skip


def performance(name: str, months: Rows) -> Markup | None:
    """Draws accuracy by month beside the majority guess and what was expected; no lines."""
    rows = []
    for month in months:
        place = {"month": month["month"], "day": f"{month['month']:%B %Y}", "is_alone": True}
        place |= {"majority_guess": _percent(month["guess"]), "outcomes": month["matured"]}
        if month["matured"] >= MIN_COUNT:
            ends = {"low": _percent(month["low"]), "high": _percent(month["high"])}
            rows.append(_point(place, _OBSERVED, month["observed"]) | ends)
            rows.append(_point(place, _EXPECTED, month["expected"]))
            rows.append(_point(place, _GUESS, month["guess"]))
        if month["pending"] >= MIN_COUNT:
            rows.append(_point(place, _PENDING, month["expected_pending"]))
    if not rows:
        return None

    def build(width: int) -> Any:
        return points(
            rows,
            charts.time_axis("month"),
            alt.Y(title="Accuracy, %", scale=alt.Scale(zero=False)),
            [_OBSERVED, _EXPECTED, _PENDING, _GUESS],
            form=".1f",
            told=["day", "outcomes", "majority_guess"],
            is_narrow=width <= charts.NARROW,
        ).properties(width=width - 60 if width > charts.NARROW else width, height=220)

    shown = [row for row in rows if row["series"] == _OBSERVED.label]
    text = f"Observed accuracy by month, of {len(shown)} months with {MIN_COUNT} known outcomes."
    for row in shown[-1:]:
        text += (
            f" In {row['day']}: {row['value']:.1f} % [{row['low']:.1f}, {row['high']:.1f}] of"
            f" {row['outcomes']:,} outcomes, majority guess {row['majority_guess']:.1f} %."
        )
    return charts.chart(name, build, text=f"{text} The table below has all months.")


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _point(place: Mapping[str, Any], series: Series, share: float) -> dict[str, Any]:
    return {**place, "series": series.label, "value": 100 * share, "low": None, "high": None}
