"""The raw contract for readers: `python -m expectations.landing.odcs DOCS`.

As an Open Data Contract, and as the table of columns in the page about one's own export.
"""

import re
import sys
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from expectations.landing.contract import (
    INTEGER,
    MONEY,
    TABLES,
    TEXT,
    TIMESTAMP,
    TRUTH,
    Column,
    Table,
)
from expectations.landing.rules_between_rows import BETWEEN_CHECKS
from expectations.landing.rules_of_rows import ROW_CHECKS, Rule

STANDARD = "v3.1.0"
VERSION = "1.0.0"
LOGICAL_TYPES = {
    INTEGER: "integer",
    TEXT: "string",
    MONEY: "number",
    TIMESTAMP: "timestamp",
    TRUTH: "boolean",
}
FIRST_LINE = "# Made by `make contract` from expectations/landing; a test holds it to the code.\n"


def render() -> str:
    """The contract of all raw tables as YAML."""
    document = {
        "apiVersion": STANDARD,
        "kind": "DataContract",
        "id": "escrow-raw-export",
        "name": "Raw export of a crowdfunding platform",
        "version": VERSION,
        "status": "active",
        "description": {
            "purpose": "What an export must hold before landing accepts it.",
            "usage": "One CSV or Parquet file per table, named like it: make run DATA=folder.",
            "limitations": "Money is in one currency; timestamps are UTC, to the microsecond.",
        },
        "schema": [_table(each) for each in TABLES],
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return FIRST_LINE + text


def _table(table: Table) -> dict[str, Any]:
    parents = {reference.column: reference.table for reference in table.references}
    checks = (*ROW_CHECKS, *BETWEEN_CHECKS)
    rules = [rule for check in checks if check.table == table.name for rule in check.rules]
    rendered: dict[str, Any] = {
        "name": table.name,
        "logicalType": "object",
        "physicalType": "table",
        "description": table.description,
        "properties": [_column(table, each, parents.get(each.name)) for each in table.columns],
    }
    if rules:
        rendered["quality"] = [_rule(each) for each in rules]
    if table.is_optional:
        rendered["customProperties"] = [{"property": "fileMayBeAbsent", "value": True}]
    return rendered


def _column(table: Table, column: Column, parent: str | None) -> dict[str, Any]:
    rendered: dict[str, Any] = {
        "name": column.name,
        "logicalType": LOGICAL_TYPES[column.type],
        "physicalType": column.type,
        "description": column.description,
        "required": not column.optional,
    }
    if column.name == table.key:
        rendered |= {"primaryKey": True, "primaryKeyPosition": 1, "unique": True}
    if parent:
        key = next(each.key for each in TABLES if each.name == parent)
        rendered["relationships"] = [{"type": "foreignKey", "to": f"{parent}.{key}"}]
    return rendered


def _rule(rule: Rule) -> dict[str, str]:
    """A rule as text: what landing says of a row that violates it, with names for the values."""
    text = re.sub(r"\b(\w+) \{\w+\.\1\}", r"\1", rule.reason)
    text = re.sub(r"\{(?:coalesce\()?\w+\.(\w+)[^}]*\}", r"<\1>", text)
    return {"name": rule.name, "type": "text", "description": f"Violated if: {text}"}


def columns_table() -> str:
    """The columns of every file as a Markdown table; `?` marks those that may be empty."""
    lines = ["| file | columns (`?` may be empty) |", "|---|---|"]
    for table in TABLES:
        names = ", ".join(f"{each.name}{'?' if each.optional else ''}" for each in table.columns)
        lines.append(f"| {table.name}{' (may be absent)' if table.is_optional else ''} | {names} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Writes both into the folder of the docs."""
    docs = Path(sys.argv[1])
    (docs / "data-contract.yaml").write_text(render(), encoding="utf-8")
    page = docs / "own-export.md"
    text = page.read_text(encoding="utf-8")
    table = re.compile(r"^\| file \|.*\n(?:\|.*\n)+", flags=re.M)
    page.write_text(table.sub(lambda _: columns_table(), text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
