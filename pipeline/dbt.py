"""The one place that calls dbt: `python -m pipeline.dbt features|insights duckdb|spark RUN`."""

import os
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.child import MACHINE_MESSAGES, with_remedy
from pipeline.database import connect
from pipeline.errors import BUG, DONE, REFUSED, WRONG_CALL
from pipeline.manifest import LOST_MASTER, QUIET, invoke, parse, read_tests, target_path
from pipeline.quality import store_tests
from pipeline.screen import show
from pipeline.spark import clear, hand_over_ml, take_over

BUILD = (*QUIET, "build", "--exclude-resource-type", "unit_test")
DOCS = (*QUIET, "docs", "generate", "--static", "--no-compile")
VARS = "dbt_project.yml: vars."  # what the project says of a var it refuses begins so
# Views of the history of ml, which Python reads, are made in DuckDB as well
SPARK_SELECTORS = {"features": "before_ml", "insights": "from_ml"}
MADE = {"features": "schemas core and features", "insights": "schema insights and the dbt docs"}


def main() -> int:
    """Builds what a stage builds, and the docs after insights; returns the exit code.

    A failed test is a gate that refuses; whatever dbt cannot compile or run is a bug, unless the
    machine or a var refused it. The build keeps the results of the tests, of those that refuse too.
    """
    stage, target, run_id = sys.argv[1:]
    started = time.perf_counter()
    database = Path(os.environ["ESCROW_DB"])
    if stage == "insights":
        _drop_insights(database)
    if stage == "features":
        parse.cache_clear()
    done = _build_on_spark(stage, database) if target == "spark" else _build(target, stage)
    code, summary = _judge(done)
    if code in (DONE, REFUSED):
        _store_tests(database, done, target=target, stage=stage, run_id=run_id)
    if code == DONE and target == "spark":
        code, _ = _judge(_copy_from_spark(stage, database, done))
    if code == DONE and stage == "insights":
        code, _ = _judge(invoke("duckdb", *DOCS))
    if code == DONE:
        seconds = time.perf_counter() - started
        show(stage, f"{summary} ({seconds:.0f} s) -> {MADE[stage]}")
    return code


def _build(target: str, selector: str) -> Any:
    return invoke(target, *BUILD, "--selector", selector)


def _build_on_spark(stage: str, database: Path) -> Any:
    """Builds with Spark; what Python writes into schema ml lies in DuckDB and is handed over."""
    folder = Path(os.environ["ESCROW_SPARK"])
    if stage == "features":
        clear(folder)
    else:
        hand_over_ml(database, folder)
    return _build("spark", SPARK_SELECTORS[stage])


def _copy_from_spark(stage: str, database: Path, done: Any) -> Any:
    """Copies tables into the build, and makes there what each stage needs of dbt; returns how."""
    take_over(database, done.result.results, Path(os.environ["ESCROW_SPARK"]))
    if stage == "features":
        return invoke("duckdb", *QUIET, "run", "--selector", "views")
    # the lineage of columns is drawn from the SQL of all models
    return invoke("duckdb", *QUIET, "compile", "--select", "fqn:*")


def _store_tests(database: Path, done: Any, *, target: str, stage: str, run_id: str) -> None:
    tests = read_tests(target_path(target) / "manifest.json")
    with closing(connect(database)) as con:
        store_tests(con, done.result.results, tests, stage=stage, run_id=run_id)


def _drop_insights(database: Path) -> None:
    """A model that is gone from the project must not leave its table in the published file."""
    with closing(connect(database)) as con:
        con.execute("drop schema if exists insights cascade")


def _judge(done: Any) -> tuple[int, str]:
    """The exit code of an invocation, and a summary of what it did."""
    if not done.success and (reason := machine_reason(done)):
        print(f"dbt: {with_remedy(reason)}", file=sys.stderr)
        return WRONG_CALL, ""
    if not done.success and (problem := _wrong_setting(done)):
        print(f"dbt: {problem}", file=sys.stderr)
        return WRONG_CALL, ""
    if not done.success and any(LOST_MASTER in line for line in _errors(done)):
        print(
            f"dbt: SPARK_MASTER={os.environ['SPARK_MASTER']} took no application, or was lost:"
            " name a running master of Spark, then run again",
            file=sys.stderr,
        )
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
