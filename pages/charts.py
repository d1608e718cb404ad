"""Charts by Vega-Lite: a drawing for print, and its specification for scripts.

The drawing serves readers without scripts; a script makes it interactive once somebody points at
it. The same data give the same bytes. Colours are those of `site.css`, which turns them in the
dark.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
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
# Measuring texts is most of the time of a drawing, and a limit has each of them measured twice.
# What people wrote has a limit where it is drawn.
_ANY_LENGTH = 0
_CONFIG: dict[str, Any] = {
    "aria": False,  # the whole has a description; a label for each mark would be read one by one
    "background": None,
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        **{"domainColor": FAINT, "tickColor": FAINT, "gridColor": LINE, "labelColor": FAINT},
        **{"titleColor": INK, "titleFontWeight": "normal", "labelFontSize": 12},
        **{"titleFontSize": 12, "labelLimit": _ANY_LENGTH, "labelOverlap": True},
    },
    "legend": {
        **{"orient": "top", "labelColor": INK, "titleColor": FAINT, "labelFontSize": 12},
        **{"titleFontSize": 12, "titleFontWeight": "normal", "columns": 0},
        **{"labelLimit": _ANY_LENGTH, "titleLimit": _ANY_LENGTH},
        **{"symbolStrokeWidth": 2, "columnPadding": 24},
    },
    "header": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "labelLimit": _ANY_LENGTH,
    },
    "title": {"color": INK, "fontSize": 13, "anchor": "start", "fontWeight": "normal"},
    "range": {"category": list(COLORS)},
    "mark": {"color": COLORS[0]},
    "text": {"color": INK, "fontSize": 12},
    "rule": {"color": INK},
}

_FONTS = "FONTCONFIG_FILE"  # a variable of the environment
_IDS = re.compile(r' id="([^"]*)"')
_REFERENCES = re.compile(r'( id="|url\(#|href="#)([^")]*)')

Build = Callable[[int], Any]


class _Rows(alt.Data):
    """Rows that Altair takes as they are: it would copy and convert them for each layer."""

    def __deepcopy__(self, _memo: object) -> "_Rows":
        return self

    def to_dict(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Returns the rows as Vega-Lite reads them."""
        return {"values": self["values"]}


class Chart(alt.Chart):
    """A chart that layers and panels are made of: Altair copies it whole for each of them."""

    def __deepcopy__(self, _memo: object) -> "Chart":
        """Returns a copy that shares what it holds, which is replaced there and never changed."""
        return self.copy(deep=False)


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
        wide = _as_json(build(WIDE))
        drawings = [_drawing(f"{name}-w", wide, "wide" if phone else "")]
        if phone:
            drawings.append(_drawing(f"{name}-n", _as_json(build(NARROW)), "narrow"))
    above = Markup("<figcaption>{}</figcaption>").format(caption) if caption else ""
    return Markup(
        '<figure class="chart" id="{}">{}<div class="drawing" role="img" aria-label="{}">{}</div>'
        '<script type="application/json">{}</script></figure>'
    ).format(name, above, text, Markup("").join(drawings), _inert(wide))


def values(rows: Sequence[Mapping[str, Any]]) -> alt.Data:
    """Returns rows as data of a chart; amounts become floats, since pictures need no cents."""
    plain = [{key: _plain(value) for key, value in row.items()} for row in rows]
    return _Rows(values=plain)  # type: ignore[no-untyped-call]


def room(names: Iterable[str]) -> int:
    """Returns the pixels that names beside an axis take, in a font wider than the one measured."""
    return 7 * max(map(len, names))


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


def _as_json(made: Any) -> str:
    """Returns the specification of what `build` made."""
    content: dict[str, Any] = made if isinstance(made, dict) else made.to_dict(validate=False)
    whole = {**content, "config": _CONFIG}
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=64)  # several pages show the same chart
def _svg(specification: str) -> str:
    """Draws a specification, without what no page needs."""
    form = json.loads(specification)
    rows = form.pop("datasets", {})
    vega = _compiled(json.dumps(form))
    data = [
        each | {"values": rows[each["name"]]} if each["name"] in rows else each
        for each in vega["data"]
    ]
    whole = json.dumps(vega | {"data": data})
    with _own_font():
        picture = vl_convert.vega_to_svg(whole, allowed_base_urls=[])
    # one description stands for the whole, so that no mark is read one by one
    picture = re.sub(r' (?:role|aria-[a-z]+|xmlns:xlink)="[^"]*"', "", picture)
    picture = _DEFAULTS.sub("", picture)
    return re.sub(r"<[^>]+>", lambda tag: _DIGITS.sub(r"\1", tag[0]), picture)


@lru_cache(maxsize=64)
def _compiled(form: str) -> dict[str, Any]:
    """Compiles a specification without its rows: charts of projects differ in their rows alone."""
    vega: dict[str, Any] = vl_convert.vegalite_to_vega(form)
    return vega


@contextmanager
def _own_font() -> Iterator[None]:
    """Lets texts be measured with the font that the library carries.

    It opens a font of the machine anew for each letter, which takes as long as all the rest; and
    drawings would differ from machine to machine.
    """
    before = os.environ.get(_FONTS)
    os.environ[_FONTS] = str(Path(__file__).with_name("fonts.conf"))
    try:
        yield
    finally:
        os.environ.pop(_FONTS)
        if before is not None:
            os.environ[_FONTS] = before


def _drawing(name: str, specification: str, css_class: str) -> Markup:
    """Returns an SVG element; its ids are its own, since a page holds several drawings."""
    picture = _svg(specification)
    # the library numbers ids on and on, whatever it draws
    numbers = {each: place for place, each in enumerate(dict.fromkeys(_IDS.findall(picture)))}
    picture = _REFERENCES.sub(lambda found: f"{found[1]}{name}-{numbers[found[2]]}", picture)
    return Markup(picture.replace("<svg ", f'<svg aria-hidden="true" class="{css_class}" ', 1))


def _inert(specification: str) -> Markup:
    """Returns a specification so that nothing in it can end the element it stands in."""
    text = specification.replace("<", "\\u003c")
    return Markup(text.replace("\u2028", "").replace("\u2029", ""))
