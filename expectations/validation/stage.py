"""The stage validation, after dbt: runs all suites, stores and reports outcomes, or refuses."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from expectations.errors import CallError, Parser, RefusedError, exit_code
from expectations.screen import counted, fit, short, show
from expectations.validation.databases import (
    Built,
    Published,
    read_built,
    read_published,
    store_results,
)
from expectations.validation.outcomes import Outcome
from expectations.validation.report import Report
from expectations.validation.suite_files import Suite, load_suites
from expectations.warehouse import Warehouse

SHOWN = {"error": 20, "warning": 5}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a validation."""

    database: Path
    published: Path
    warehouse: Warehouse
    run_id: str
    validated_at: datetime
    is_as_of_chosen: bool = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a validation from the command line and returns its exit code."""
    return exit_code("validate", lambda: validate(_parse(arguments), suites=load_suites()))


def validate(options: Options, *, suites: Sequence[Suite]) -> None:
    """Judges a build, keeps the outcomes in it, and writes the report.

    Raises:
        CallError: A file, a table or a column is missing, or a suite cannot be evaluated.
        RefusedError: An expectation of severity `error` is not met.
    """
    started = time.perf_counter()
    report = _judge(options, suites)
    content = json.dumps(report.as_json(), indent=2, default=str) + "\n"
    path = options.warehouse.build_folder / "validation.json"
    _write(path, content)
    if report.tally.errors:
        path = options.warehouse.rejected / options.run_id / path.name
        _write(path, content)
        lines = _summary(report, time.perf_counter() - started, path.with_suffix(".html"))
        rest = [part for line in lines[1:] for part in fit(line)]
        raise RefusedError("\n".join([lines[0], *rest]))
    lines = _summary(report, time.perf_counter() - started, path)
    show("validate", *lines)


def _judge(options: Options, suites: Sequence[Suite]) -> Report:
    built = read_built(options.database)
    _require_columns(suites, built, options.database)
    earlier = read_published(
        options.published,
        as_of=built.as_of if options.is_as_of_chosen else None,
        is_another_platform=options.warehouse.another_platform.exists(),
        tables=[suite.table for suite in suites if any(e.parameters for e in suite.expectations)],
    )
    outcomes = judge(options.database, suites, earlier)
    records = [outcome.as_record() for outcome in outcomes]
    store_results(
        options.database, records, run_id=options.run_id, validated_at=options.validated_at
    )
    comparison = "compared with the published run" if earlier.row_counts else earlier.reason
    return Report(options.run_id, built.as_of, options.validated_at, comparison, suites, outcomes)


@contextmanager
def _without_spark() -> Iterator[None]:
    """Keeps Great Expectations from loading Spark where it is installed: a second for nothing.

    In a program without a file Spark would even end the process.
    """
    if "pyspark" in sys.modules:
        yield
        return
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    modules["pyspark"] = None
    try:
        yield
    finally:
        del modules["pyspark"]


def judge(database: Path, suites: Iterable[Suite], earlier: Published) -> list[Outcome]:
    """Gives the outcome of every expectation, in the order of the suites.

    Raises:
        CallError: An expectation cannot be evaluated.
    """
    # Great Expectations takes seconds to import, and reports its usage unless told not to before.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with _without_spark():
        from expectations.validation.checks import check
        from expectations.validation.gx_duckdb import duckdb_batches

    outcomes: list[Outcome] = []
    with duckdb_batches(database) as open_batch:
        for suite in suites:
            count = earlier.row_counts.get(suite.table)
            outcomes += check(
                open_batch(suite.table),
                suite,
                parameters={} if count is None else {"published_row_count": count},
                reason=earlier.reason,
            )
    return outcomes


def _require_columns(suites: Iterable[Suite], built: Built, database: Path) -> None:
    for suite in suites:
        if suite.table not in built.columns:
            raise CallError(f"{database}: no table {suite.table}; build it first (make features)")
        named = set(suite.key).union(*(each.columns for each in suite.expectations))
        if missing := named - built.columns[suite.table]:
            raise CallError(
                f"{database}: {suite.table} has no column {', '.join(sorted(missing))};"
                f" the suite expectations/validation/suites/{suite.name}.toml names it"
            )


def _summary(report: Report, seconds: float, path: Path) -> list[str]:
    """What was done, what failed and where the page is."""
    passed, warnings, errors = report.tally
    counts = f"{passed} passed, {counted(warnings, 'warning')}, {counted(errors, 'error')}"
    what = f"{len(report.outcomes)} expectations on {len(report.suites)} tables: {counts}"
    lines = [f"{what} ({seconds:.1f} s) -> {short(path)}"]
    for status, shown in SHOWN.items():
        failing = [outcome for outcome in report.outcomes if outcome.status == status]
        for outcome in failing[:shown]:
            lines.append(_line(outcome))
            meaning = f"  {outcome.expectation.meaning}"
            if status == "error" and meaning not in lines:  # halves of all tables mean the same
                lines.append(meaning)
        if len(failing) > shown:
            lines.append(f"  {status:<8} and {len(failing) - shown} more, all on the page")
    return lines


def _line(outcome: Outcome) -> str:
    seen = f"observed {outcome.observed_text}, expected {outcome.expected_text}"
    rows = f" ({outcome.rows_text})" if outcome.status == "error" and outcome.failing_rows else ""
    return f"  {outcome.status:<8} {outcome.place}, {outcome.expectation.name}: {seen}{rows}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _run_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text):
        raise ArgumentTypeError(f"{text!r} cannot be the name of a folder")
    return text


def _parse(arguments: Sequence[str] | None) -> Options:
    parser = Parser(prog="validate", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="the build file to judge")
    parser.add_argument("--published", type=Path, required=True, help="the last published file")
    parser.add_argument("--warehouse", type=Path, required=True, help="the warehouse's folder")
    parser.add_argument("--run-id", type=_run_id, required=True, help="name of this run")
    parser.add_argument(
        "--default-as-of", action="store_true", help="AS_OF follows from the last event"
    )
    parsed = parser.parse_args(arguments)
    return Options(
        database=parsed.db.resolve(),
        published=parsed.published.resolve(),
        warehouse=Warehouse.at(parsed.warehouse),
        run_id=parsed.run_id,
        validated_at=datetime.now(UTC).replace(tzinfo=None),
        is_as_of_chosen=not parsed.default_as_of,
    )
