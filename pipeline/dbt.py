"""The one place that calls dbt: `python -m pipeline.dbt features RUN` or `… insights RUN`."""

import os
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.child import MACHINE_MESSAGES
from pipeline.database import connect
from pipeline.errors import BUG, DONE, REFUSED, WRONG_CALL
from pipeline.manifest import QUIET, parse, read_tests, runner
from pipeline.quality import store_tests
from pipeline.screen import show

BUILD = (*QUIET, "build", "--exclude-resource-type", "unit_test")
DOCS = (*QUIET, "docs", "generate", "--static", "--no-compile")
# the docs write the manifest once more, and nothing reads it in between
NOT_YET = ("--no-write-json",)
VARS = "dbt_project.yml: vars."  # what the project says of a var it refuses begins so
MADE = {"features": "schemas core and features", "insights": "schema insights and the dbt docs"}


def main() -> int:
    """Builds what a selector names, and the docs after insights; returns the exit code.

    A failed test is a gate that refuses; whatever dbt cannot compile or run is a bug, unless the
    machine or a var refused it. The build keeps the results of the tests, of those that refuse too.
    """
    selector, run_id = sys.argv[1:]
    started = time.perf_counter()
    database = Path(os.environ["ESCROW_DB"])
    if selector == "insights":
        _drop_insights(database)
    if selector == "features":
        parse.cache_clear()
    parsed = parse()
    if not parsed.success:
        return _judge(parsed)[0]
    dbt = runner(parsed.result)
    options = NOT_YET if selector == "insights" else ()
    done = dbt.invoke([*options, *BUILD, "--selector", selector])
    _close_database()
    code, summary = _judge(done)
    if code in (DONE, REFUSED):
        _store_tests(database, done, stage=selector, run_id=run_id)
    if code == DONE and selector == "insights":
        code, _ = _judge(dbt.invoke(list(DOCS)))
        _close_database()
    if code == DONE:
        seconds = time.perf_counter() - started
        show(selector, f"{summary} ({seconds:.0f} s) -> {MADE[selector]}")
    return code


def _close_database() -> None:
    """Ends what dbt keeps open for its next invocation: other stages open the file otherwise."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    connections: Any = DuckDBConnectionManager
    if connections._ENV:
        connections._ENV.close()
        connections.close_all_connections()


def _store_tests(database: Path, done: Any, *, stage: str, run_id: str) -> None:
    tests = read_tests(Path(os.environ["DBT_TARGET_PATH"]) / "manifest.json")
    with closing(connect(database)) as con:
        store_tests(con, done.result.results, tests, stage=stage, run_id=run_id)


def _drop_insights(database: Path) -> None:
    """A model that is gone from the project must not leave its table in the published file."""
    with closing(connect(database)) as con:
        con.execute("drop schema if exists insights cascade")


def _judge(done: Any) -> tuple[int, str]:
    """The exit code of an invocation, and a summary of what it did."""
    if not done.success and (reason := machine_reason(done)):
        print(f"dbt: {reason}: free it, then run again", file=sys.stderr)
        return WRONG_CALL, ""
    if not done.success and (problem := _wrong_setting(done)):
        print(f"dbt: {problem}", file=sys.stderr)
        return WRONG_CALL, ""
    if done.exception is not None:
        print(f"dbt: {done.exception}", file=sys.stderr)
        return BUG, ""
    results = getattr(done.result, "results", None) or []
    count: Counter[tuple[bool, str]] = Counter()
    for each in results:
        is_test = str(getattr(each.node, "resource_type", "")) == "test"
        count[is_test, str(each.status)] += 1
    failed = [each for each in results if str(each.status) == "fail"]
    if not done.success:
        has_error = any(str(each.status) == "error" for each in results)
        if has_error or not failed:
            print("dbt: a model could not be built; see above", file=sys.stderr)
            return BUG, ""
        names = ", ".join(sorted(each.node.name for each in failed)[:10])
        print(f"dbt REFUSED: {len(failed)} tests failed: {names}", file=sys.stderr)
        return REFUSED, ""
    built, passed = count[False, "success"], count[True, "pass"]
    warned = count[True, "warn"]
    return DONE, f"{built} tables and views built, {passed} tests passed, {warned} warnings"


def machine_reason(done: Any) -> str | None:
    """The line of a failed invocation that names what the machine refused; None if nothing."""
    found = (line for line in _errors(done) if any(each in line for each in MACHINE_MESSAGES))
    return next(found, None)


def _wrong_setting(done: Any) -> str | None:
    """The line of a failed invocation in which the project refuses one of its vars."""
    return next((line for line in _errors(done) if line.startswith(VARS)), None)


def _errors(done: Any) -> list[str]:
    results = getattr(done.result, "results", None) or []
    errors = [each.message for each in results if str(each.status) == "error"]
    texts = (done.exception, *errors)
    return [line.strip() for text in texts for line in str(text).splitlines()]


if __name__ == "__main__":
    sys.exit(main())
