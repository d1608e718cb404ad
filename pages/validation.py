"""The page of a validation run, from the JSON report that it left.

`python -m pages.validation REPORT.json` writes the page beside a report, for a refused run.
"""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from pages.published import PagesError, Published
from pages.rendering import render
from pages.site import Site, write_text

Json = dict[str, Any]


def write(published: Published, site: Site) -> None:
    """Writes the page.

    Raises:
        PagesError: The report of the validation is not there.
    """
    site.write(
        "validation/index.html",
        "validation.html.jinja",
        **_values(read(published.validation_report)),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the page beside a report; returns 0, or 2 if there is no report."""
    [name] = sys.argv[1:] if arguments is None else arguments
    path = Path(name)
    try:
        write_text(path.with_suffix(".html"), render_report(read(path)))
    except PagesError as error:
        print(f"pages: {error}", file=sys.stderr)
        return 2
    return 0


def render_report(report: Json) -> str:
    """Returns the page of a run that was refused: it stands alone, beside its report."""
    return render("validation.html.jinja", **_values(report))


def _values(report: Json) -> Json:
    """Returns what the page shows: the summary, what needs attention, then table by table."""
    outcomes = report["outcomes"]
    return {
        "report": report,
        "as_of": datetime.fromisoformat(report["as_of"]),
        "validated_at": datetime.fromisoformat(report["validated_at"]),
        "attention": [outcome for outcome in outcomes if not outcome["success"]],
        "sections": [
            _section(suite, [each for each in outcomes if each["suite"] == suite["name"]])
            for suite in report["suites"]
        ],
    }


def read(path: Path) -> Json:
    """Returns a report.

    Raises:
        PagesError: It is not there, or is none.
    """
    try:
        report: Json = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PagesError(f"no report of a validation at {path} ({error}): make validate") from error
    return report


def _section(suite: Json, outcomes: Sequence[Json]) -> Json:
    """One table; expectations of one name and status share a line."""
    statuses = [outcome["status"] for outcome in outcomes]
    groups = groupby(outcomes, key=lambda outcome: (outcome["status"], outcome["expectation"]))
    return {
        **suite,
        "passed": statuses.count("passed"),
        "warnings": statuses.count("warning"),
        "errors": statuses.count("error"),
        "rows": [_row(list(group)) for _, group in groups],
    }


def _row(outcomes: Sequence[Json]) -> Json:
    observed: dict[str, list[str]] = {}
    for outcome in outcomes:
        columns = observed.setdefault(outcome["observed"], [])
        columns += [outcome["column_name"]] if outcome["column_name"] else []
    return {**outcomes[0], "columns_by_observed": observed}


if __name__ == "__main__":
    sys.exit(main())
