"""The suite files: one per table, each expectation with its severity and its meaning."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from expectations.errors import CallError

Severity = Literal["error", "warn"]

SUITES = Path(__file__).parent / "suites"

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


class _Fields(BaseModel):
    """One table `expectations.<name>` of a file; what is not listed are arguments."""

    model_config = ConfigDict(extra="allow", strict=True)

    expect: str
    severity: Severity
    meaning: str
    column: str | None = None
    columns: list[str] = []

    @model_validator(mode="after")
    def _parameters_are_known(self) -> Self:
        unknown = _placeholders(self.model_extra or {}) - PARAMETERS - {"batch"}
        if unknown:
            raise ValueError(f"no such parameter: {', '.join(sorted(unknown))}")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    table: str
    key: tuple[str, ...]
    about: str
    expectations: dict[str, _Fields]


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
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallError(f"{path.name}: {error}") from error
    except ValidationError as error:
        problems = (_problem(path, each) for each in error.errors())
        raise CallError("; ".join(problems)) from error
    expectations = [
        Expectation(
            suite=path.stem,
            table=file.table,
            name=name,
            expect=fields.expect,
            severity=fields.severity,
            meaning=fields.meaning,
            column=column,
            arguments=fields.model_extra or {},
        )
        for name, fields in file.expectations.items()
        for column in fields.columns or (fields.column,)
    ]
    return Suite(path.stem, file.table, file.key, file.about, tuple(expectations))


def _problem(path: Path, error: Any) -> str:
    """Names file and place of a mistake, and what is expected there."""
    where, place = path.name, list(error["loc"])
    if len(place) > 1 and place[0] == "expectations":
        where, place = f"{path.name}, [expectations.{place[1]}]", place[2:]
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    texts = {
        "missing": "is missing",
        "extra_forbidden": f"is unknown; known here: {', '.join(_File.model_fields)}",
    }
    otherwise = f"{error['msg'].removeprefix('Input ')}, not {error['input']!r}"
    text = texts.get(error["type"], otherwise)
    return f"{where}: {'.'.join(map(str, place))} {text}"


def _placeholders(arguments: Mapping[str, Any]) -> set[str]:
    return set(re.findall(r"{(\w+)}", str(arguments.get("query", ""))))
