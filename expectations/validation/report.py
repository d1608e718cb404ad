"""The report of a validation run as JSON: what its page is made from, and what programs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from expectations.validation.outcomes import Outcome, Tally, tally
from expectations.validation.suite_files import Suite

STATUS_ORDER = {"error": 0, "warning": 1, "passed": 2}


@dataclass(frozen=True, slots=True)
class Report:
    """A validation run: all content of the page and the JSON file."""

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

    def as_json(self) -> dict[str, Any]:
        """Returns the report as plain values, failing expectations first."""
        return {
            "run_id": self.run_id,
            "as_of": str(self.as_of),
            "validated_at": str(self.validated_at),
            "comparison": self.comparison,
            **self.tally._asdict(),
            "suites": [
                {"name": suite.name, "table": suite.table, "about": suite.about}
                for suite in self.suites
            ],
            "outcomes": [
                {
                    **outcome.as_record(),
                    "status": outcome.status,
                    "place": outcome.place,
                    "meaning": outcome.expectation.meaning,
                    "observed": outcome.observed_text,
                    "expected": outcome.expected_text,
                    "rows_text": outcome.rows_text,
                    "failing_rows": [] if outcome.success else list(outcome.failing_rows),
                }
                for outcome in sorted(self.outcomes, key=lambda each: STATUS_ORDER[each.status])
            ],
        }
