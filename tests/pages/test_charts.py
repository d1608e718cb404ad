"""Charts: the same data give the same picture, and each has a description for screen readers."""

import json
import os
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair as alt
import pytest

from pages import charts
from pages.charts import COLORS, NARROW
from pages.series import Series, forest, points

ROWS = [
    {"at": datetime(2024, 1, 1), "held": Decimal("0.01"), "what": "</script><b>"},
    {"at": datetime(2024, 2, 1), "held": Decimal("1000000000000.00"), "what": "b"},
]


def build(width: int) -> Any:
    base = alt.Chart(charts.values(ROWS)).mark_line(clip=True)
    return base.encode(x=charts.time_axis("at"), y="held:Q", color="what:N").properties(width=width)


def test_a_chart_is_the_same_to_the_byte_each_time() -> None:
    first = charts.chart("held", build, text="rises")
    assert charts.chart("held", build, text="rises") == first


def test_a_chart_that_several_pages_show_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = charts.chart("held", build, text="rises")
    monkeypatch.setattr(charts.vl_convert, "vegalite_to_svg", None)
    again = charts.chart("held", build, text="rises on another page")
    assert again.replace(" on another page", "") == first


def test_texts_are_measured_with_no_font_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []

    def draw(*_: Any, **__: Any) -> str:
        fonts = Path(os.environ["FONTCONFIG_FILE"])
        folders.extend(ElementTree.parse(fonts).iterfind("dir"))
        return "<svg ></svg>"

    monkeypatch.setattr(charts.vl_convert, "vega_to_svg", draw)
    for before in ("theirs.conf", None):
        if before:
            monkeypatch.setenv("FONTCONFIG_FILE", before)
        else:
            monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
        drawn = {"mark": "point", "data": {"values": [{"own": before}]}}
        charts.chart("fonts", lambda _, drawn=drawn: drawn, text="", phone=False)
        assert os.environ.get("FONTCONFIG_FILE") == before
    assert [Path(each.text or "/").exists() for each in folders] == [False, False]


def test_descriptions_are_escaped_and_data_cannot_end_the_element() -> None:
    made = charts.chart("held", build, text='from "half" to <most>', caption="<Held>")
    assert 'aria-label="from &#34;half&#34; to &lt;most&gt;"' in made
    assert "<figcaption>&lt;Held&gt;</figcaption>" in made
    [specification] = re.findall(r'<script type="application/json">(.*?)</script>', made)
    assert "</script><b>" in str(json.loads(specification))
    assert "<b>" not in made


def test_ids_are_those_of_one_drawing_only() -> None:
    ids = re.findall(r'id="([^"]+)"', charts.chart("held", build, text="rises"))
    assert len(ids) == len(set(ids)) > 2
    assert set(re.findall(r"url\(#([^)]+)\)", charts.chart("held", build, text=""))) <= set(ids)


def test_phones_have_a_drawing_of_their_own() -> None:
    made = charts.chart("held", build, text="rises")
    assert [made.count(f'class="{each}"') for each in ("wide", "narrow")] == [1, 1]
    assert charts.chart("held", build, text="rises", phone=False).count("<svg ") == 1


def test_dates_are_those_of_utc() -> None:
    data = charts.values([{"at": datetime(2024, 1, 1), "day": date(2024, 1, 1)}]).values
    assert data == [{"at": "2024-01-01T00:00:00Z", "day": "2024-01-01"}]


ESTIMATES = [
    {"day": day, "series": "model", "value": value, "low": value - 0.1, "high": value + 0.1}
    for day, value in enumerate((0.51234, 0.7, 0.9))
]


def build_estimates(width: int) -> Any:
    scale = alt.Scale(domain=[0.5, 1])
    x, y = alt.X("day:Q", title="Days after launch"), alt.Y(title="Accuracy", scale=scale)
    looks = [Series("model", COLORS[0])]
    drawn = points(ESTIMATES, x, y, looks, form=".1f", is_narrow=width <= NARROW)
    return drawn.properties(width=width)


def test_a_drawing_leaves_out_what_is_the_default_but_nothing_that_is_read() -> None:
    page = charts.chart("rise", build_estimates, text="rises")
    drawn, specification = page.split("<script")
    assert not re.search(r'font-family=|opacity="1"|\.\d\d\d+["), ]', drawn)
    for text in ("Days after launch", "Accuracy", "0.75", "model"):
        assert drawn.count(f">{text}</text>") == 2  # wide, and for phones
    assert specification.count("0.51234") == 1  # not once per layer


def test_a_forest_has_a_line_at_no_difference_and_a_row_per_estimate() -> None:
    rows = [
        {"name": name, "tone": "", "value": value, "low": low, "high": value + 0.1}
        for name, value, low in (("first", 0.5, 0.4), ("without interval", 0.2, None))
    ]
    made = forest(rows, title="Lift", form="+.2f", width=300)
    page = charts.chart("lifts", lambda _: made, text="lifts", phone=False)
    assert [page.count(f">{row['name']}</text>") for row in rows] == [1, 1]
    drawn = page.split("<script")[0]
    assert drawn.count('stroke-dasharray="4,3"') == 1
    assert len(re.findall(r'<line [^>]*stroke-width="2"', drawn)) == 1  # one has no whisker
