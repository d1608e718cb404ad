"""Charts: the same data give the same picture, and each has a description for screen readers."""

import json
import re
from typing import Any

import altair as alt

from pages import charts
from pages.charts import COLORS, NARROW
from pages.series import Series, forest, points

ROWS = [
    {"day": day, "series": "model", "value": value, "low": value - 0.1, "high": value + 0.1}
    for day, value in enumerate((0.51234, 0.7, 0.9))
]


def build(width: int) -> Any:
    scale = alt.Scale(domain=[0.5, 1])
    x, y = alt.X("day:Q", title="Days after launch"), alt.Y(title="Accuracy", scale=scale)
    looks = [Series("model", COLORS[0])]
    drawn = points(ROWS, x, y, looks, form=".1f", is_narrow=width <= NARROW)
    clipped = alt.Chart(charts.values(ROWS)).mark_line(clip=True).encode(x=x, y="value:Q")
    return alt.layer(drawn, clipped).properties(width=width)


def draw(text: str) -> str:
    return charts.chart("rise", build, text=text)


def test_a_chart_is_the_same_to_the_byte_each_time() -> None:
    first = draw("rises")
    assert "clip-path" in first
    assert draw("rises") == first


def test_descriptions_are_escaped_and_labels_stay_text() -> None:
    page = draw('from "half" to <most>')
    assert 'aria-label="from &#34;half&#34; to &lt;most&gt;"' in page
    assert page.count(">Days after launch</text>") == 2  # wide, and for phones
    assert page.count(">Accuracy</text>") == 2


def test_a_drawing_leaves_out_what_is_the_default_but_nothing_that_is_read() -> None:
    page = draw("rises")
    assert not re.search(r'font-family=|opacity="1"|\.\d\d\d+["), ]', page.split("<script")[0])
    assert ">0.75</text>" in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 1
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)


def test_a_script_gets_the_exact_values_that_nothing_in_them_can_end() -> None:
    rows = [{"name": "</script>", "tone": "", "value": 0.51234, "low": 0.4, "high": 0.6}]
    page = charts.chart(
        "one", lambda width: forest(rows, title="Lift", form="+.2f", width=width), text="one"
    )
    assert page.count("</script>") == 1
    text = re.findall(r'<script type="application/json">(.*?)</script>', page)[0]
    data = [layer["data"]["values"] for layer in json.loads(text)["layer"]]
    assert rows in data
