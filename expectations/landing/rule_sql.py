"""The SQL by which rows are checked against rules of the contract."""

import re
from collections.abc import Collection

from expectations.landing.contract import TABLE, Reference, Table
from expectations.landing.reading import unreadable_bit
from expectations.landing.rules_of_rows import Absence, Check, Rule
from expectations.warehouse import literal


def source_sql(check: Check, *, has_references: bool) -> str:
    """The rows of a check's table with all that its rules may ask for."""
    table = TABLE[check.table]
    joins = "\n".join(
        f"left join {_named_sql(table, reference)} as {TABLE[reference.table].entity}"
        f" on {TABLE[reference.table].entity}.{TABLE[reference.table].key}"
        f" = {table.entity}.{reference.column}"
        for reference in (table.references if has_references else ())
    )
    return f"from rows_{table.name} as {table.entity}\n{joins}\n{check.joins}"


def _named_sql(table: Table, reference: Reference) -> str:
    """The rows that may be named: where the column may be empty, only those that are."""
    parent = TABLE[reference.table]
    optional = {column.name for column in table.columns if column.optional}
    if reference.column not in optional:
        return f"keyed_{parent.name}"
    # a join would keep the whole parent in memory, and few of its rows are named
    return (
        f"(from keyed_{parent.name} semi join rows_{table.name} as child"
        f" on child.{reference.column} = keyed_{parent.name}.{parent.key})"
    )


def violating_sql(check: Check, source: str, unreadable: Collection[str]) -> str:
    """The rows that violate a check's rules, with one flag per rule."""
    flags = ", ".join(
        f"({broken_sql(rule, check, unreadable)}) as broken_{place}"
        for place, rule in enumerate(check.rules)
    )
    any_flag = " or ".join(f"broken_{place}" for place in range(len(check.rules)))
    entity = TABLE[check.table].entity
    return f"select * from (select {entity}._row, {flags} {source}) where {any_flag}"


def broken_sql(rule: Rule, check: Check, unreadable: Collection[str]) -> str:
    """When a rule is violated, as far as that can be judged; NULL where it cannot.

    Args:
        rule: The rule.
        check: The check it stands in.
        unreadable: Names of the tables in which a value is not of its type.
    """
    table = TABLE[check.table]
    parents = [TABLE[reference.table] for reference in table.references]
    guards = [
        f"{parent.entity}.{parent.key} is not null"
        for parent in parents
        if not (rule.absence and rule.absence.is_reference)
        and f"{parent.entity}." in rule.broken_when
    ]
    sql = rule.broken_when
    for alias, seen in _aliases(check).items():
        if seen.name in unreadable:
            sql = _without_unreadable(sql, alias, seen)
    return " and ".join([*guards, f"({sql})"])


def reason_sql(rule: Rule, check: Check, unreadable: Collection[str]) -> str:
    """The rule's reason with its expressions filled in, as SQL."""
    parts = re.split(r"\{(.*?)\}", rule.reason)
    return " || ".join(
        f"coalesce(cast({part} as varchar), {_absent_sql(part, check, unreadable)})"
        if place % 2
        else literal(part)
        for place, part in enumerate(parts)
        if part
    )


def lost_sql(absence: Absence) -> str:
    """Joins the rejected rows whose absence may be what violates a rule, as `lost`."""
    links = " and ".join(f"lost.{column} = {value}" for column, value in absence.links)
    return f"left join lost_{absence.table} as lost on {links}"


def _aliases(check: Check) -> dict[str, Table]:
    table = TABLE[check.table]
    seen = [table, *(TABLE[reference.table] for reference in table.references)]
    return {
        **{each.entity: each for each in seen},
        **{alias: TABLE[name] for alias, name in check.aliases},
    }


def _without_unreadable(sql: str, alias: str, table: Table) -> str:
    """Keeps NULL from meaning "empty" where it only means that a value could not be read."""
    for column in (each for each in table.columns if each.optional):
        bit = unreadable_bit(table, column.name)
        sql = re.sub(
            rf"\b{alias}\.{column.name} is (?:not )?null\b",
            rf"(case when ({alias}._unreadable & {bit}) = 0 then \g<0> end)",
            sql,
        )
    return sql


def _absent_sql(expression: str, check: Check, unreadable: Collection[str]) -> str:
    """The text for an expression without a value."""
    alias, _, column = expression.partition(".")
    table = _aliases(check).get(alias)
    if table is None or table.name not in unreadable or not column.isidentifier():
        return "'empty'"
    bit = unreadable_bit(table, column)
    return f"case when ({alias}._unreadable & {bit}) <> 0 then 'unreadable' else 'empty' end"
