"""The suite files: one per table, each expectation with its severity and its meaning."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from expectations.errors import CallError

Severity = Literal["error", "warn"]

SUITES = Path(__file__).parent / "suites"

SUITE_FIELDS = {"table", "key", "about", "expectations"}
OWN_FIELDS = {"expect", "severity", "meaning", "column", "columns"}
PARAMETERS = {"published_row_count"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """One check of one table, or of one of its columns.

    `expect` names an expectation of Great Expectations without its leading "expect_", or one of
    the two that take a query: `no_rows` and `measure_to_be_between`. A query has `{batch}` for
    the table of its suite.
    """

    suite: str
    table: str
    key: tuple[str, ...]
    name: str
    expect: str
    severity: Severity
    meaning: str
    column: str | None
    arguments: Mapping[str, Any]

    @property
    def parameters(self) -> set[str]:
        """The parameters that must have a value before this can be judged."""
        return _placeholders(self.arguments) - {"batch"}

    @property
    def where(self) -> str:
        """Where it stands, for messages."""
        return f"{self.suite}.toml, [expectations.{self.name}]"

    @property
    def columns(self) -> set[str]:
        """The columns it names outside of a query."""
        named = {self.column, self.arguments.get("column_A"), self.arguments.get("column_B")}
        return {column for column in named if column}


class Suite(NamedTuple):
    """What is expected of one table; `key` are the columns that identify a row."""

    name: str
    table: str
    key: tuple[str, ...]
    about: str
    expectations: tuple[Expectation, ...]


def load_suites(folder: Path = SUITES) -> list[Suite]:
    """Reads every suite of a folder, ordered by table.

    Raises:
        CallError: A file is no TOML, or an expectation in it is incomplete; names both.
    """
    suites = [_read_suite(path) for path in sorted(folder.glob("*.toml"))]
    if not suites:
        raise CallError(f"{folder}: there is no suite (*.toml)")
    return sorted(suites, key=lambda suite: suite.table)


def _read_suite(path: Path) -> Suite:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallError(f"{path.name}: {error}") from error
    if set(content) != SUITE_FIELDS:
        wrong = ", ".join(sorted(set(content) ^ SUITE_FIELDS))
        raise CallError(f"{path.name}: missing or unknown: {wrong}")
    expectations = [
        expectation
        for name, fields in content["expectations"].items()
        for expectation in _read_expectation(path, content, name, fields)
    ]
    key = tuple(content["key"])
    return Suite(path.stem, content["table"], key, content["about"], tuple(expectations))


def _read_expectation(
    path: Path, content: Mapping[str, Any], name: str, fields: Mapping[str, Any]
) -> Sequence[Expectation]:
    """One expectation of the file, or one per column when it lists several."""
    where = f"{path.name}, [expectations.{name}]"
    if missing := {"expect", "severity", "meaning"} - set(fields):
        raise CallError(f"{where}: without {', '.join(sorted(missing))}")
    if fields["severity"] not in get_args(Severity):
        raise CallError(f"{where}: severity is {fields['severity']!r}, not error or warn")
    arguments = {key: value for key, value in fields.items() if key not in OWN_FIELDS}
    if unknown := _placeholders(arguments) - PARAMETERS - {"batch"}:
        raise CallError(f"{where}: no such parameter: {', '.join(sorted(unknown))}")
    return [
        Expectation(
            suite=path.stem,
            table=content["table"],
            key=tuple(content["key"]),
            name=name,
            expect=fields["expect"],
            severity=fields["severity"],
            meaning=fields["meaning"],
            column=column,
            arguments=arguments,
        )
        for column in fields.get("columns", [fields.get("column")])
    ]


def _placeholders(arguments: Mapping[str, Any]) -> set[str]:
    return set(re.findall(r"{(\w+)}", str(arguments.get("query", ""))))
