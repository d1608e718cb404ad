"""The page and its text; none of this needs Great Expectations."""

import doctest
import json
import re
from collections.abc import Mapping
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from expectations.validation import outcomes as outcomes_module
from expectations.validation.outcomes import Outcome, limits, number, plain
from expectations.validation.report import Report
from expectations.validation.suite_files import Expectation, Severity, Suite
from pages.validation import render_report


def expectation(
    name: str, *, severity: Severity = "warn", column: str | None = None
) -> Expectation:
    return Expectation(
        suite="dim_projects",
        table="core.dim_projects",
        name=name,
        expect="column_values_to_not_be_null",
        severity=severity,
        meaning=f"What {name} means.",
        column=column,
        arguments={},
    )


def page(*outcomes: Outcome) -> str:
    expectations = tuple(outcome.expectation for outcome in outcomes)
    suite = Suite("dim_projects", "core.dim_projects", ("project_id",), "About.", expectations)
    return render_report(
        json.loads(
            json.dumps(
                Report(
                    run_id="20240101T000000Z-1",
                    as_of=datetime(2024, 1, 1, 0, 0, 0, 1),
                    validated_at=datetime(2024, 1, 2, 3, 4, 5, 678),
                    comparison="first run: nothing is published yet",
                    suites=[suite],
                    outcomes=outcomes,
                ).as_json()
            )
        )
    )


PASSED = Outcome(expectation("holds"), success=True, observed=0.25)
WARNED = Outcome(expectation("doubtful"), success=False, observed=0.1)
REFUSED = Outcome(
    expectation("broken", severity="error", column="title"),
    success=False,
    unexpected_count=2,
    element_count=1200,
    failing_rows=[{"project_id": 7, "title": "<b>Lamp & Co</b>"}, {"project_id": 8, "title": None}],
)


class Outline(HTMLParser):
    """Collects the texts of headings, and checks that tags are closed in order."""

    VOID = frozenset({"meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"h1", "h2", "h3"}:
            self.headings.append(data)


def test_what_fails_comes_first() -> None:
    text = page(PASSED, WARNED, REFUSED)
    outline = Outline(text)
    assert outline.open == []
    assert outline.headings == [
        "Validation",
        "Needs attention",
        "core.dim_projects.title",
        "core.dim_projects",
        "core.dim_projects",
    ]
    body = text[text.index("<tbody>") :]
    assert body.index("broken") < body.index("doubtful") < body.index("holds")


def test_the_summary_has_the_outcome_of_the_run() -> None:
    assert "Refused" in page(PASSED, WARNED, REFUSED)
    assert "Accepted. The warnings" in page(PASSED, WARNED)
    assert "everything is as expected" in page(PASSED)
    text = page(PASSED, WARNED, REFUSED)
    assert "<title>Validation: 1 error, 1 warning</title>" in text
    assert "1 Jan 2024, 00:00 UTC" in text
    assert "20240101T000000Z-1" in text
    assert "first run: nothing is published yet" in text


def test_values_from_the_data_are_text() -> None:
    text = page(REFUSED)
    assert "&lt;b&gt;Lamp &amp; Co&lt;/b&gt;" in text
    assert "<b>Lamp" not in text


def test_the_page_needs_no_network() -> None:
    text = page(PASSED, WARNED, REFUSED)
    assert re.findall(r"https?:|src=|@import|url\(|<link|<script", text) == []
    links = re.findall(r'href="#([^"]*)"', text)
    assert len(links) == text.count("href=") - text.count('href="../index.html"')
    assert set(links) <= set(Outline(text).ids)


def test_columns_with_the_same_observation_share_a_line() -> None:
    both = [
        Outcome(
            expectation("known", column=column), success=True, unexpected_count=0, element_count=9
        )
        for column in ("title", "category")
    ]
    body = page(*both).partition("<tbody>")[2]
    assert body.count("none of 9 rows fail") == 1
    assert "title, category" in body


@pytest.mark.parametrize(
    ("expect", "arguments", "words"),
    [
        ("no_rows", {"query": "select 1"}, "no such row"),
        ("column_values_to_not_be_null", {}, "always filled"),
        ("column_values_to_be_between", {"min_value": 0, "max_value": 1}, "from 0 to 1"),
        ("column_values_to_be_between", {"min_value": 0, "max_value": 10**12}, "from 0 to 1e12"),
        (
            "column_values_to_be_between",
            {"min_value": 0, "strict_min": True, "max_value": 5},
            "above 0, at most 5",
        ),
        ("measure_to_be_between", {"query": "select 1", "max_value": 0.5}, "at most 0.5"),
        ("table_row_count_to_be_between", {"min_value": 100}, "at least 100 rows"),
        ("column_unique_value_count_to_be_between", {"min_value": 2}, "at least 2 distinct values"),
        ("column_mean_to_be_between", {"min_value": 1, "max_value": 2}, "mean from 1 to 2"),
        (
            "column_values_to_be_in_set",
            {"value_set": [1, 2]},
            "column values to be in set: value_set=[1, 2]",
        ),
    ],
)
def test_limits_in_words(expect: str, arguments: Mapping[str, Any], words: str) -> None:
    assert limits(expect, arguments) == words


def test_numbers() -> None:
    assert [number(value) for value in (0, 1234, 0.123456, 12345.678, 1.5, None)] == [
        *("0", "1,234", "0.1235", "12,346", "1.5", "nothing"),
    ]
    assert [plain(value) for value in (1234, 1234.0, 0.1 + 0.2, "2024-01-01")] == [
        *("1234", "1234", "0.3", "2024-01-01"),
    ]


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(outcomes_module).failed == 0
