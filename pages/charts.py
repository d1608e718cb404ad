"""Charts by Vega-Lite: a drawing for print, and its specification for scripts.

The drawing serves readers without scripts; a script makes it interactive once somebody points at
it. The same data give the same bytes. Colours are those of `site.css`, which turns them in the
dark.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import altair as alt
import vl_convert
from altair.utils.schemapi import debug_mode
from markupsafe import Markup

INK, FAINT, LINE, PAPER = "#1b1f27", "#555d6a", "#dde1e7", "#ffffff"
# Distinct for colour-blind readers (after Okabe and Ito, 2008) and dark enough on white.
COLORS = ("#0072b2", "#c44e00", "#00805f", "#b0528f", "#a36a00")
WIDE, NARROW = 1000, 290  # width of the drawing on a screen and on a phone, in CSS pixels
_FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif"
# What is the default anyway, or comes from the page: half of the size of a drawing.
_DEFAULTS = re.compile(
    r' (?:font-family|class)="[^"]*"| (?:opacity|stroke-width)="1"| pointer-events="none"'
    r'| transform="translate\(0,0\)"|<path [^>]*(?:d=""|d="M0,0h0v0h0Z")[^>]*/>'
)
_DIGITS = re.compile(r"(\.\d\d)\d+")  # a hundredth of a pixel
_CONFIG: dict[str, Any] = {
    "aria": False,  # the whole has a description; a label for each mark would be read one by one
    "background": None,
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        **{"domainColor": FAINT, "tickColor": FAINT, "gridColor": LINE, "labelColor": FAINT},
        **{"titleColor": INK, "titleFontWeight": "normal", "labelFontSize": 12},
        **{"titleFontSize": 12, "labelLimit": 220, "labelOverlap": True},
    },
    "legend": {
        **{"orient": "top", "labelColor": INK, "titleColor": FAINT, "labelFontSize": 12},
        **{"titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 260, "columns": 0},
        **{"symbolStrokeWidth": 2, "columnPadding": 24},
    },
    "header": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12},
    "title": {"color": INK, "fontSize": 13, "anchor": "start", "fontWeight": "normal"},
    "range": {"category": list(COLORS)},
    "mark": {"color": COLORS[0]},
    "text": {"color": INK, "fontSize": 12},
    "rule": {"color": INK},
}

_IDS = re.compile(r' id="([^"]*)"')
_REFERENCES = re.compile(r'( id="|url\(#|href="#)([^")]*)')

Build = Callable[[int], Any]


def chart(name: str, build: Build, *, text: str, caption: str = "", phone: bool = True) -> Markup:
    """Returns a chart as an element of a page.

    Args:
        name: Of the chart, unique on the page.
        build: Returns the Altair chart, or its specification, for a width in pixels, of the plot
            without axes.
        text: What it shows, for those who cannot see it.
        caption: Stands above it.
        phone: Whether a drawing of its own is made for phones; small charts just shrink.
    """
    # validating costs a quarter of the time, and is the tests' task
    with debug_mode(False):
        wide = _specification(build(WIDE))
        narrow = _specification(build(NARROW)) if phone else None
    drawings = [_drawing(f"{name}-w", wide, "wide" if phone else "")]
    if narrow:
        drawings.append(_drawing(f"{name}-n", narrow, "narrow"))
    above = Markup("<figcaption>{}</figcaption>").format(caption) if caption else ""
    return Markup(
        '<figure class="chart" id="{}">{}<div class="drawing" role="img" aria-label="{}">{}</div>'
        '<script type="application/json">{}</script></figure>'
    ).format(name, above, text, Markup("").join(drawings), _as_json(wide))


def values(rows: Sequence[Mapping[str, Any]]) -> alt.Data:
    """Returns rows as data of a chart; amounts become floats, since pictures need no cents."""
    plain = [{key: _plain(value) for key, value in row.items()} for row in rows]
    return alt.Data(values=plain)  # type: ignore[no-untyped-call]


def time_axis(field: str, **axis: Any) -> alt.X:
    """Returns a horizontal axis of dates in UTC, whatever the reader's time zone is."""
    shown = alt.Axis(
        title=None, format="%b %Y", tickCount=6, grid=False, labelSeparation=10, **axis
    )
    return alt.X(f"{field}:T", scale=alt.Scale(type="utc"), axis=shown)


def colors(field: str, domain: list[str], palette: Sequence[str], width: int) -> alt.Color:
    """Returns colours that each value of a field always has, and their legend."""
    scale = alt.Scale(domain=domain, range=list(palette))
    columns = 2 if width == NARROW else len(domain)
    # browsers have wider letters than those that the drawing is measured with
    legend = alt.Legend(title=None, columns=columns, columnPadding=34)
    return alt.Color(f"{field}:N", scale=scale, legend=legend)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + "Z"
    # in JavaScript a date without a time is one in UTC
    return value.isoformat() if isinstance(value, date) else value


def _specification(made: Any) -> dict[str, Any]:
    content: dict[str, Any] = made if isinstance(made, dict) else made.to_dict(validate=False)
    return {**content, "config": _CONFIG}


def _drawing(name: str, specification: dict[str, Any], css_class: str) -> Markup:
    """Returns an SVG element; its ids are its own, since a page holds several drawings."""
    picture = vl_convert.vegalite_to_svg(specification, allowed_base_urls=[])
    # the library numbers ids on and on, whatever it draws
    numbers = {each: place for place, each in enumerate(dict.fromkeys(_IDS.findall(picture)))}
    picture = _REFERENCES.sub(lambda found: f"{found[1]}{name}-{numbers[found[2]]}", picture)
    # one description stands for the whole, so that no mark is read one by one
    picture = re.sub(r' (?:role|aria-[a-z]+|xmlns:xlink)="[^"]*"', "", picture)
    picture = _DEFAULTS.sub("", picture)
    picture = re.sub(r"<[^>]+>", lambda tag: _DIGITS.sub(r"\1", tag[0]), picture)
    return Markup(picture.replace("<svg ", f'<svg aria-hidden="true" class="{css_class}" ', 1))


def _as_json(specification: dict[str, Any]) -> Markup:
    """Returns the specification so that nothing in it can end the element it stands in."""
    text = json.dumps(specification, separators=(",", ":"), ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "").replace("\u2029", ""))
