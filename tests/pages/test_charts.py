"""Charts: the same data give the same picture, and each has a description for screen readers."""

import json
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import altair as alt

from pages import charts

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
