"""Charts of estimates with their intervals: points over an axis, and forest plots."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

from pages import charts
from pages.charts import COLORS, FAINT

Rows = Sequence[Mapping[str, Any]]


class Series(NamedTuple):
    """How the points of one label look: by shape and line as well, not by colour alone."""

    label: str
    color: str
    shape: str = "circle"
    dash: tuple[int, ...] = (1, 0)


def points(
    rows: Rows,
    x: alt.X,
    y: alt.Y,
    series: Sequence[Series],
    *,
    form: str,
    is_narrow: bool,
    told: Sequence[str] = (),
) -> Any:
    """Returns points with whiskers; those of one series are joined by a line.

    Args:
        rows: With `series` (a label), `value`, `low` and `high` (None for no whisker), and
            `is_alone` where no line shall join them.
        x: The horizontal axis.
        y: The vertical axis, without its field.
        series: How each label looks, in the order of the legend.
        form: Of the values, when somebody points at them.
        is_narrow: Whether it is drawn for a phone, which a legend in one row would shrink.
        told: What else is told of a point then.
    """
    labels = [each.label for each in series]

    legend = alt.Legend(title=None, columns=int(is_narrow))

    def look(channel: Any, looks: list[Any]) -> Any:
        scale = alt.Scale(domain=labels, range=looks)
        return channel("series:N", legend=legend, scale=scale)

    tooltip = [
        alt.Tooltip("series:N", title=" "),
        *(alt.Tooltip(f"{name}:N", title=name.replace("_", " ")) for name in told),
        *(alt.Tooltip(f"{name}:Q", format=form) for name in ("value", "low", "high")),
    ]
    color = look(alt.Color, [each.color for each in series])
    drawn = charts.Chart(charts.values(rows)).encode(x=x, color=color)
    y.shorthand = "value:Q"
    joined = drawn.mark_line(strokeWidth=1.4).transform_filter("!datum.is_alone")
    dash = look(alt.StrokeDash, [list(each.dash) for each in series])
    layers = [
        drawn.mark_point(filled=True, size=40, opacity=1).encode(
            y=y, shape=look(alt.Shape, [each.shape for each in series]), tooltip=tooltip
        )
    ]
    # Vega warns of layers without rows
    if any(row["low"] is not None for row in rows):
        whiskers = drawn.mark_rule().encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
        layers.insert(0, whiskers.transform_filter("datum.low != null"))
    if not all(row.get("is_alone") for row in rows):
        layers.insert(0, joined.encode(y=y, strokeDash=dash))
    return alt.layer(*layers)


def forest(
    rows: Rows,
    *,
    title: str | None,
    form: str,
    width: int,
    colors: Mapping[str, str] | None = None,
    line: float | None = 0,
) -> Any:
    """Returns a forest plot: an estimate and its interval per row, against a line.

    Args:
        rows: With `name`, `value`, `low`, `high` and `tone`.
        title: Of the axis, with its unit.
        form: Of the values.
        width: Of the plot, in pixels.
        colors: Of each tone; it stands in the legend where there are several.
        line: What the estimates are compared with; None where that is not known.
    """
    tones = dict(colors or {"": COLORS[0]})
    names = list(dict.fromkeys(row["name"] for row in rows))
    limit = 140 if width <= charts.NARROW else 300
    room = min(limit, charts.room(names))
    # a limit that nothing reaches would only cost time
    axis = alt.Axis(grid=False, labelLimit=limit if room == limit else 0, minExtent=room)
    y = alt.Y("name:N", sort=names, title=None, axis=axis)
    scale = alt.Scale(domain=list(tones), range=list(tones.values()))
    legend = alt.Legend(title=None) if len(tones) > 1 else None
    color = alt.Color("tone:N", scale=scale, legend=legend)

    def x(field: str) -> alt.X:
        scale = alt.Scale(zero=False)  # the line says where the axis has to reach
        axis = alt.Axis(format=form, tickCount=4)
        return alt.X(f"{field}:Q", title=title, scale=scale, axis=axis)

    drawn = charts.Chart(charts.values(rows)).encode(y=y, color=color)
    told = [
        alt.Tooltip("name:N", title=" "),
        *(alt.Tooltip(f"{name}:Q", format=form) for name in ("value", "low", "high")),
    ]
    layers = [
        drawn.mark_rule(strokeWidth=2)
        .encode(x=x("low"), x2=alt.X2("high:Q"))
        .transform_filter("datum.low != null"),
        drawn.mark_point(filled=True, size=60, opacity=1).encode(x=x("value"), tooltip=told),
    ]
    if line is not None:
        compared = charts.Chart(charts.values([{"line": line}]))
        rule = compared.mark_rule(color=FAINT, strokeDash=[4, 3]).encode(x=x("line"))
        layers.insert(0, rule)
    return alt.layer(*layers).properties(width=width, height=alt.Step(26))


def side_by_side(width: int, panels: Sequence[Any]) -> Any:
    """Returns panels beside each other, on a phone one below the other."""
    return alt.vconcat(*panels) if width <= charts.NARROW else alt.hconcat(*panels)
