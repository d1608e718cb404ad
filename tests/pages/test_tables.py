"""Tables show values as people read them, and keep the exact ones for sorting and downloads."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from pages.tables import Column, table

ROOT: Any = {"root": "../"}


def test_a_cell_shows_its_value_and_sorts_by_the_exact_one() -> None:
    columns = (Column("title", "Project"), Column("amount", "Held", "money"))
    made = table(ROOT, "t", "Projects", columns, [
        {"title": "Large", "amount": Decimal("1000000000000.01")},
        {"title": "Small", "amount": Decimal("0.01")},
        {"title": "None", "amount": None},
    ])  # fmt: skip
    assert '<td class="number" data-order="1000000000000.01">1,000,000,000,000.01</td>' in made
    assert '<td class="number" data-order="0.01">0.01</td>' in made
    assert '<td class="number" data-order=""><span title="not known">&ndash;</span></td>' in made


def test_titles_are_escaped_and_lead_to_their_entity() -> None:
    hostile = '<script>alert("1")</script>'
    columns = (Column("title", "Project", link="path", note="said"),)
    made = table(ROOT, "t", "", columns, [
        {"title": hostile, "path": "projects/1.html", "said": hostile},
        {"title": "none", "path": None, "said": None},
    ])  # fmt: skip
    assert "<script>" not in made
    assert '<a href="../projects/1.html">&lt;script&gt;' in made
    assert made.count("<a ") == 1


@pytest.mark.parametrize("blank", [" ", "", "\u200b\u2003"])
def test_a_title_that_cannot_be_seen_is_named_by_its_id(blank: str) -> None:
    columns = (Column("title", "Project", "title", link="path"), Column("milestone", "M", "title"))
    row = {"title": blank, "path": "projects/any.html#7", "milestone": blank}
    made = table(ROOT, "t", "", columns, [row])
    assert '<a href="../projects/any.html#7"><bdi>(no title) 7</bdi></a>' in made
    assert "<td><bdi>(no title)</bdi></td>" in made


def test_markup_is_shown_as_it_is_and_sorts_by_what_stands_beside_it() -> None:
    rows = [{"share": Markup("<b>12</b>"), "share_order": 0.125}]
    made = table(ROOT, "t", "", (Column("share", "Share", "percent"),), rows)
    assert '<th scope="row" class="number" data-order="0.125"><b>12</b></th>' in made


def test_what_sorts_by_another_value_downloads_as_its_text() -> None:
    columns = (Column("title", "Project"), Column("votes", "Votes", note="turnout"))
    made = table(ROOT, "t", "", columns, [
        {"title": "A", "votes": "3 for, 1 against", "votes_sort": 0.75, "turnout": "9 %"},
        {"title": "B", "votes": "no votes", "votes_sort": None, "turnout": None},
    ])  # fmt: skip
    assert '<td data-sort="0.75">3 for, 1 against <span class="name">9 %</span></td>' in made
    assert '<td data-sort="">no votes</td>' in made


_TEXTS = st.none() | st.sampled_from(["", "a", "<b>", "1"]) | st.text(max_size=3)
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": _TEXTS,
            "path": st.none() | st.just("projects/7.html"),
            "state": _TEXTS | st.sampled_from([Markup("<b>"), 1, True, 1.0]),
            "note": _TEXTS,
            "amount": st.none() | st.decimals(-10, 10, places=2),
            "at": st.none() | st.datetimes(datetime(1990, 1, 1)),
        },
        optional={"amount_order": st.none() | st.integers(), "state_sort": st.none() | _TEXTS},
    ),
    min_size=1,
    max_size=4,
)


@given(_ROWS)
def test_a_row_looks_the_same_whatever_stands_above_it(rows: list[dict[str, Any]]) -> None:
    columns = (
        Column("name", "Name", "title", link="path"),
        Column("state", "State", note="note"),
        Column("amount", "Held", "money"),
        Column("at", "Day", "day"),
    )

    def body(some: list[dict[str, Any]]) -> str:
        return (
            table(ROOT, "t", "", columns, some).partition("<tbody>\n")[2].partition("\n</tbody>")[0]
        )

    assert body(rows) == "\n".join(body([row]) for row in rows)


def test_values_that_are_equal_are_shown_each_as_it_is() -> None:
    values = (1, True, 1.0, Decimal("1.0"), Decimal("1.00"), 0.0, -0.0, "<b>", Markup("<b>"))
    made = table(ROOT, "t", "", (Column("state", "State"),), [{"state": each} for each in values])
    shown = re.findall(r'<th scope="row">(.*)</th></tr>', made)
    assert shown == ["1", "True", "1.0", "1.0", "1.00", "0.0", "-0.0", "&lt;b&gt;", "<b>"]


def test_lists_and_structures_of_an_answer_are_shown_as_text() -> None:
    rows = [{"titles": ["<b>", "Lamp"]}, {"titles": {"first": 1}}]
    made = table(ROOT, "t", "", (Column("titles", "Titles"),), rows)
    assert "[&#39;&lt;b&gt;&#39;, &#39;Lamp&#39;]" in made
    assert "{&#39;first&#39;: 1}" in made


def test_a_table_without_rows_says_why() -> None:
    assert table(ROOT, "t", "Projects", (Column("a", "A"),), [], "No project is live.") == (
        "<p>No project is live.</p>"
    )


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("money", Decimal("1234.5"), "1,234.50"),
        ("count", 1234, "1,234"),
        ("percent", 0.1234, "12.3 %"),
        ("number", 1234.56, "1,234.6"),
        ("day", date(2024, 1, 5), "5 Jan 2024"),
        ("timestamp", datetime(2024, 1, 5, 9, 30), "5 Jan 2024, 09:30 UTC"),
        ("text", "a & b", "a &amp; b"),
    ],
)
def test_values_are_shown_by_their_kind(kind: str, value: Any, text: str) -> None:
    made = table(ROOT, "t", "", (Column("shown", "Shown", kind),), [{"shown": value}])
    assert f">{text}</th>" in made
