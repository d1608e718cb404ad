"""Suites as Great Expectations objects, and its results as our outcomes; for any engine.

Importing Great Expectations takes seconds: this module is imported late, when nothing but the
validation itself is left to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, cast

import great_expectations as gx
from great_expectations.core import ExpectationSuite, ExpectationValidationResult
from great_expectations.datasource.fluent.interfaces import Batch
from great_expectations.expectations.core.unexpected_rows_expectation import (
    UnexpectedRowsExpectation,
)
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.expectation import Expectation as GxExpectation
from great_expectations.expectations.metadata_types import FailureSeverity

from expectations.errors import CallError
from expectations.validation.outcomes import Observed, Outcome
from expectations.validation.suite_files import Expectation, Suite

# Named in the report of a refused run; fewer are shown.
SAMPLED_ROWS = 50

SEVERITIES = {"error": FailureSeverity.CRITICAL, "warn": FailureSeverity.WARNING}


class ExpectMeasureToBeBetween(BatchExpectation):
    """The first value of the first row of a query lies between two limits, both included."""

    query: str
    min_value: float | None = None
    max_value: float | None = None

    metric_dependencies: ClassVar[tuple[str, ...]] = ("query.table",)
    success_keys: ClassVar[tuple[str, ...]] = ("query", "min_value", "max_value")
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition", "condition_parser")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: object = None,
    ) -> dict[str, Any]:
        rows = metrics["query.table"]
        value = next(iter(rows[0].values())) if rows else None
        if value is None:
            return {"success": False, "result": {"observed_value": None}}
        above = self.min_value is None or value >= self.min_value
        below = self.max_value is None or value <= self.max_value
        return {"success": above and below, "result": {"observed_value": value}}


def check(
    batch: Batch, suite: Suite, *, parameters: Mapping[str, int], reason: str
) -> list[Outcome]:
    """Judges a suite on the batch of its table; outcomes come in the order of the suite.

    An expectation that needs a parameter without a value passes, with the reason why it has none.

    Raises:
        CallError: An expectation that Great Expectations does not know, or cannot evaluate.
    """
    ready = [each for each in suite.expectations if each.parameters <= set(parameters)]
    # Only a complete result holds the rows that a query found; for anything else it would fetch
    # every failing value.
    queries = [each for each in ready if each.expect == "no_rows"]
    others = [each for each in ready if each.expect != "no_rows"]
    sample = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": SAMPLED_ROWS,
        "unexpected_index_column_names": list(suite.key),
    }
    outcomes = [
        *(
            Outcome(each, success=True, note=reason)
            for each in suite.expectations
            if each not in ready
        ),
        *_judge(batch, others, parameters, sample),
        *_judge(batch, queries, parameters, {"result_format": "COMPLETE"}),
    ]
    return sorted(outcomes, key=lambda each: suite.expectations.index(each.expectation))


def _judge(
    batch: Batch,
    expectations: Sequence[Expectation],
    parameters: Mapping[str, int],
    result_format: Any,
) -> Iterator[Outcome]:
    if not expectations:
        return
    checks = [_build(each, index, parameters) for index, each in enumerate(expectations)]
    suite = ExpectationSuite(name=expectations[0].suite, expectations=checks)
    for result in batch.validate(suite, result_format=result_format).results:
        configuration = result.expectation_config
        assert configuration is not None
        yield _outcome(expectations[configuration.meta["index"]], result)


def _build(expectation: Expectation, index: int, parameters: Mapping[str, int]) -> GxExpectation:
    arguments = dict(expectation.arguments)
    for name in expectation.parameters:
        arguments["query"] = arguments["query"].replace(f"{{{name}}}", str(parameters[name]))
    if expectation.column:
        arguments["column"] = expectation.column
    if expectation.expect == "no_rows" and "query" in arguments:
        arguments["unexpected_rows_query"] = arguments.pop("query")
    try:
        return _kind(expectation)(
            **arguments, severity=SEVERITIES[expectation.severity], meta={"index": index}
        )
    except ValueError as error:
        raise CallError(f"{expectation.where}: {' '.join(str(error).split())}") from error


def _kind(expectation: Expectation) -> type[GxExpectation]:
    if expectation.expect == "no_rows":
        return UnexpectedRowsExpectation
    if expectation.expect == "measure_to_be_between":
        return ExpectMeasureToBeBetween
    parts = ["expect", *expectation.expect.split("_")]
    kind = getattr(gx.expectations, "".join(map(str.title, parts)), None)
    if kind is None:
        raise CallError(
            f"{expectation.where}: Great Expectations has no expect_{expectation.expect}"
        )
    return cast("type[GxExpectation]", kind)


def _outcome(expectation: Expectation, result: ExpectationValidationResult) -> Outcome:
    _raise_failure_to_evaluate(expectation, result)
    found = result.result
    if expectation.expect == "no_rows":
        rows = found["details"]["unexpected_rows"][:SAMPLED_ROWS]
        count = found["observed_value"]
        return Outcome(
            expectation,
            success=bool(result.success),
            observed=count,
            unexpected_count=count,
            failing_rows=tuple(rows),
        )
    if "unexpected_count" in found:
        return Outcome(
            expectation,
            success=bool(result.success),
            unexpected_count=found["unexpected_count"],
            element_count=found["element_count"],
            failing_rows=tuple(_ordered(found.get("partial_unexpected_index_list") or ())),
        )
    observed = _observed(found["observed_value"])
    if observed is None:
        return Outcome(expectation, success=True, note="no value to judge")
    return Outcome(expectation, success=bool(result.success), observed=observed)


def _ordered(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sorts rows by their values: parallel scans name them in any order."""
    return sorted(rows, key=lambda row: [(value is None, value) for value in row.values()])


def _observed(value: Any) -> Observed:
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, float | int | str):
        return value
    return str(value)


def _raise_failure_to_evaluate(
    expectation: Expectation, result: ExpectationValidationResult
) -> None:
    """Turn an exception that Great Expectations swallowed into one of ours."""
    info = result.exception_info
    reports = [info] if "raised_exception" in info else list(info.values())
    for report in reports:
        if report["raised_exception"]:
            message = str(report["exception_message"]).splitlines()[0]
            raise CallError(f"{expectation.where}: {message}")
