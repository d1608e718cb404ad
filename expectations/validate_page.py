"""The validation page: one HTML file that needs no network, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from expectations.templates import render
from expectations.validate_outcomes import Outcome, Tally, counted, tally
from expectations.validate_suites import Suite


@dataclass(frozen=True, slots=True)
class Report:
    """A validation run: everything the page and the JSON file say."""

    run_id: str
    as_of: datetime
    validated_at: datetime
    comparison: str
    suites: Sequence[Suite]
    outcomes: Sequence[Outcome]

    @property
    def tally(self) -> Tally:
        """How many expectations passed, warn, and refuse the run."""
        return tally(self.outcomes)


class Row(NamedTuple):
    """One line of a table on the page; `seen` says for each observed value in which columns."""

    status: str
    name: str
    severity: str
    meaning: str
    expected: str
    seen: Mapping[str, Sequence[str]]


class Section(NamedTuple):
    """One table of the warehouse on the page."""

    suite: Suite
    tally: Tally
    rows: Sequence[Row]


STATUS_ORDER = {"error": 0, "warning": 1, "passed": 2}


def render_page(report: Report) -> str:
    """Renders the page: the summary, what needs attention, then table by table."""
    failing = [outcome for outcome in report.outcomes if not outcome.success]
    return render(
        "validate_page.html.jinja",
        report=report,
        tally=report.tally,
        counted=counted,
        attention=sorted(failing, key=lambda outcome: STATUS_ORDER[outcome.status]),
        sections=[_section(suite, report.outcomes) for suite in report.suites],
    )


def report_as_json(report: Report) -> dict[str, Any]:
    """Gives the report as plain values, failing expectations first."""
    return {
        "run_id": report.run_id,
        "as_of": report.as_of.isoformat(),
        "validated_at": report.validated_at.isoformat(),
        **report.tally._asdict(),
        "outcomes": [
            {
                **outcome.as_record(),
                "status": outcome.status,
                "expected": outcome.expected_text,
                "failing_rows": [] if outcome.success else list(outcome.failing_rows),
            }
            for outcome in sorted(report.outcomes, key=lambda each: STATUS_ORDER[each.status])
        ],
    }


def _section(suite: Suite, outcomes: Sequence[Outcome]) -> Section:
    own = [outcome for outcome in outcomes if outcome.expectation.suite == suite.name]
    own.sort(key=lambda outcome: STATUS_ORDER[outcome.status])
    groups = groupby(own, key=lambda outcome: (outcome.status, outcome.expectation.name))
    return Section(suite, tally(own), [_row(list(group)) for _, group in groups])


def _row(outcomes: Sequence[Outcome]) -> Row:
    first = outcomes[0]
    seen: dict[str, list[str]] = {}
    for outcome in outcomes:
        columns = seen.setdefault(outcome.observed_text, [])
        columns += [outcome.expectation.column] if outcome.expectation.column else []
    return Row(
        status=first.status,
        name=first.expectation.name,
        severity=first.expectation.severity,
        meaning=first.expectation.meaning,
        expected=first.expected_text,
        seen=seen,
    )
