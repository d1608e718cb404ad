"""The charts of the page about experiments."""

from typing import Any

import altair as alt
from markupsafe import Markup

from pages import charts
from pages.charts import COLORS, FAINT
from pages.formats import day
from pages.series import forest

Row = dict[str, Any]

_ROLES = {"primary": COLORS[0], "secondary": FAINT, "interference": COLORS[1]}
_BAND, _ONE_LOOK, _ESTIMATE = "95 % over all looks", "95 % for one look alone", "estimate"
_LOOKS = {_BAND: FAINT, _ONE_LOOK: COLORS[1], _ESTIMATE: COLORS[0]}


def metrics(name: str, rows: list[Row]) -> Markup | None:
    """Draws the lift of each metric at the last look, with its interval."""
    known = [row for row in rows if row["lift_ratio"] is not None]
    if not known:
        return None
    shown = [
        {
            "name": row["label"],
            "tone": row["metric_role"],
            "value": row["lift_ratio"],
            "low": row["lift_ratio_low"],
            "high": row["lift_ratio_high"],
        }
        for row in known
    ]
    used = {row["tone"] for row in shown}
    colors = {role: color for role, color in _ROLES.items() if role in used}

    def build(width: int) -> Any:
        room = 200 if width <= charts.NARROW else width - 290
        return forest(shown, title="Lift", form="+.0%", width=room, colors=colors)

    told = "; ".join(f"{row['name']} {_percent(row)}" for row in shown)
    return charts.chart(
        name,
        build,
        text=f"Lift of each metric at the last look: {told}.",
        caption="Lift of each metric at the last look, with its 95 % interval for one look.",
    )


def _percent(row: Row) -> str:
    value = f"{100 * row['value']:+.1f} %"
    if row["low"] is None or row["high"] is None:
        return value
    return f"{value} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"


def lift_over_time(name: str, looks: list[Row]) -> Markup | None:
    """Draws the lift of conversion look by look, within the interval that holds over all looks."""
    tested = [row for row in looks if row["repeated_lift_ratio_low"] is not None]
    begins_at = tested[0]["look_number"] if tested else 0
    shown = [
        row
        for row in looks
        if row["look_number"] >= begins_at and row["lift_ratio_low"] is not None
    ]
    if not shown:
        return None
    stop = next((row for row in tested if abs(row["statistic"]) >= row["boundary"]), None)
    scale = alt.Scale(domain=_domain(shown, tested))

    def build(width: int) -> Any:
        room = width if width <= charts.NARROW else width - 60
        return alt.layer(*_layers(shown, tested, stop, scale)).properties(width=room, height=260)

    return charts.chart(
        name,
        build,
        text=_text(tested, looks, stop),
        caption="Lift of conversion per view, look by look. Intervals of early looks may reach"
        " beyond the axis.",
    )


def _domain(shown: list[Row], tested: list[Row]) -> list[float]:
    """Returns the reach of the axis: all estimates, and the intervals of the later half."""
    ends = [0.0, *(row["lift_ratio"] for row in shown)]
    for rows, prefix in ((shown, ""), (tested, "repeated_")):
        for row in rows[len(rows) // 2 :]:
            ends += [row[f"{prefix}lift_ratio_low"], row[f"{prefix}lift_ratio_high"]]
    return [min(ends), max(ends)]


def _layers(shown: list[Row], tested: list[Row], stop: Row | None, scale: alt.Scale) -> list[Any]:
    rows = [{**_estimate(row), "series": _ESTIMATE} for row in shown]
    days = alt.Axis(title=None, format="%-d %b", tickCount=8, grid=False)
    x = alt.X("at:T", scale=alt.Scale(type="utc"), axis=days)
    axis = alt.Axis(format="+.0%")

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title="Lift of conversion", scale=scale, axis=axis)

    color = alt.Color(
        "series:N",
        title=None,
        scale=alt.Scale(domain=list(_LOOKS), range=list(_LOOKS.values())),
        # else all symbols are as pale as the band
        legend=alt.Legend(symbolOpacity=1),
    )
    zero = alt.Chart(charts.values([{"lift": 0}])).mark_rule(color=FAINT).encode(y=y("lift"))
    layers = [zero]
    if tested:
        band = alt.Chart(charts.values([_reach(row) for row in tested]))
        # a band of one look has no width
        drawn = band.mark_area(opacity=0.25, clip=True) if tested[1:] else band.mark_rule(size=6)
        layers.append(drawn.encode(x=x, y=y("low"), y2=alt.Y2("high:Q"), color=color))
    for end in ("low", "high"):
        line = alt.Chart(charts.values([{**row, "series": _ONE_LOOK} for row in rows]))
        layers.append(
            line.mark_line(strokeWidth=1.2, strokeDash=[5, 4], clip=True).encode(
                x=x, y=y(end), color=color
            )
        )
    told = [
        alt.Tooltip("day:N"),
        *(alt.Tooltip(f"{n}:Q", format="+.1%") for n in ("lift", "low", "high")),
    ]
    estimate = alt.Chart(charts.values(rows)).encode(x=x, y=y("lift"), color=color, tooltip=told)
    layers.append(estimate.mark_line(point=alt.OverlayMarkDef(size=30), clip=True))
    if stop:
        reached = charts.values([{"at": stop["look_at"], "text": "boundary reached"}])
        rule = alt.Chart(reached).encode(x=x)
        layers.append(rule.mark_rule(color=FAINT, strokeDash=[2, 3]))
        layers.append(
            rule.mark_text(align="left", dx=4, color=FAINT).encode(
                y=alt.value(8), text=alt.Text("text:N")
            )
        )
    return layers


def _estimate(row: Row) -> Row:
    return {
        "at": row["look_at"],
        "day": day(row["look_at"]),
        "lift": row["lift_ratio"],
        "low": row["lift_ratio_low"],
        "high": row["lift_ratio_high"],
    }


def _reach(row: Row) -> Row:
    low, high = row["repeated_lift_ratio_low"], row["repeated_lift_ratio_high"]
    return {"at": row["look_at"], "low": low, "high": high, "series": _BAND}


def _text(tested: list[Row], looks: list[Row], stop: Row | None) -> str:
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
