"""The outcome of an expectation, as it is stored and shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from expectations.screen import counted
from expectations.validation.suite_files import Expectation

Observed = float | int | str | None

# How the limits of an expectation read; the others begin with what is measured ("median ...").
PHRASES = {
    "measure": "{}",
    "values": "{}",
    "table_row_count": "{} rows",
    "unique_value_count": "{} distinct values",
}
SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """One expectation and what was seen; `failing_rows` is a sample that names the rows."""

    expectation: Expectation
    success: bool
    observed: Observed = None
    unexpected_count: int | None = None
    element_count: int | None = None
    failing_rows: Sequence[Mapping[str, Any]] = ()
    note: str = ""

    @property
    def status(self) -> Literal["passed", "warning", "error"]:
        """Passed, or how bad it is that it did not."""
        if self.success:
            return "passed"
        return "error" if self.expectation.severity == "error" else "warning"

    @property
    def observed_text(self) -> str:
        """The observed value for people: a number, a share of rows, or why there is none."""
        if self.note:
            return self.note
        if self.element_count is not None:
            failing = number(self.unexpected_count) if self.unexpected_count else "none"
            return f"{failing} of {number(self.element_count)} rows fail"
        if self.unexpected_count is not None:
            return counted(self.unexpected_count, "such row") if self.unexpected_count else "none"
        return number(self.observed)

    @property
    def expected_text(self) -> str:
        """The limits for people."""
        return limits(self.expectation.expect, self.expectation.arguments)

    @property
    def place(self) -> str:
        """The table, with the column when the expectation is about one."""
        column = self.expectation.column
        return f"{self.expectation.table}.{column}" if column else self.expectation.table

    @property
    def rows_text(self) -> str:
        """A few of the sampled rows on one line: `project_id=3, snapshot_kind=d21; ...`."""
        return "; ".join(
            ", ".join(f"{name}={'NULL' if value is None else value}" for name, value in row.items())
            for row in self.failing_rows[:SHOWN_ROWS]
        )

    @property
    def message(self) -> str:
        """Everything a reader of one row needs: what it means and, if it failed, what was seen."""
        if self.success:
            return self.expectation.meaning
        seen = f"Expected {self.expected_text}, observed {self.observed_text}."
        rows = f" Rows: {self.rows_text}." if self.failing_rows else ""
        return f"{self.expectation.meaning} {seen}{rows}"

    def as_record(self) -> dict[str, Any]:
        """The columns of `quality.validation_results` that do not depend on the run."""
        expectation = self.expectation
        arguments = {"expect": expectation.expect, **expectation.arguments}
        return {
            "suite": expectation.suite,
            "table_name": expectation.table,
            "column_name": expectation.column,
            "expectation": expectation.name,
            "severity": expectation.severity,
            "success": self.success,
            "observed_value": self.observed_text if self.observed is None else plain(self.observed),
            "unexpected_count": self.unexpected_count,
            "element_count": self.element_count,
            "arguments": json.dumps(arguments, sort_keys=True, default=str),
            "message": self.message,
        }


class Tally(NamedTuple):
    """How many expectations passed, warn, and refuse the run."""

    passed: int
    warnings: int
    errors: int


def tally(outcomes: Sequence[Outcome]) -> Tally:
    """Counts outcomes by status."""
    statuses = [outcome.status for outcome in outcomes]
    return Tally(statuses.count("passed"), statuses.count("warning"), statuses.count("error"))


def limits(expect: str, arguments: Mapping[str, Any]) -> str:
    """Describes what an expectation with these arguments allows.

    >>> limits("column_median_to_be_between", {"min_value": 1, "max_value": 1000})
    'median from 1 to 1,000'
    >>> limits("column_values_to_not_be_null", {"mostly": 0.5})
    'filled, in at least 50 % of rows'
    """
    share = arguments.get("mostly", 1)
    suffix = f", in at least {100 * share:g} % of rows" if share < 1 else ""
    if expect == "no_rows":
        return "no such row"
    if expect == "column_values_to_not_be_null":
        return f"filled{suffix}" if suffix else "always filled"
    if "min_value" in arguments or "max_value" in arguments:
        subject = expect.removesuffix("_to_be_between").removeprefix("column_")
        phrase = PHRASES.get(subject, subject.replace("_", " ") + " {}")
        return phrase.format(_range(arguments)) + suffix
    given = ", ".join(f"{name}={value}" for name, value in arguments.items() if name != "mostly")
    return f"{expect.replace('_', ' ')}: {given}" + suffix


def _range(arguments: Mapping[str, Any]) -> str:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    above = "above" if arguments.get("strict_min") else "at least"
    below = "below" if arguments.get("strict_max") else "at most"
    if high is None:
        return f"{above} {number(low)}"
    if low is None:
        return f"{below} {number(high)}"
    if arguments.get("strict_min") or arguments.get("strict_max"):
        return f"{above} {number(low)}, {below} {number(high)}"
    return f"from {number(low)} to {number(high)}"


def number(value: Observed) -> str:
    """A number for people: thousands grouped, fractions to four significant digits."""
    if isinstance(value, str):
        return value
    if value is None:
        return "nothing"
    if abs(value) >= 1e9:
        return f"{value:.4g}".replace("e+", "e")
    if value == int(value) or abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:,.4g}"


def plain(value: float | int | str) -> str:
    """A number for SQL: no grouping, and no more digits than a sum in any order gives alike."""
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.9g}"
    return str(value)
