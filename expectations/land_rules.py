"""Holds rules of the contract against rows, in SQL."""

import re

from expectations.contract import TABLE, Reference, Table
from expectations.contract_rules import Check, Rule
from expectations.land_read import unreadable_bit
from expectations.warehouse import Connection, literal, scalar


def find_violations(
    con: Connection, check: Check, *, references: tuple[Reference, ...], is_root: bool
) -> None:
    """Adds the violations of a check's rules to `violations`, found in one scan.

    Args:
        con: The scratch database, with the views by which rows are judged.
        check: The table and its rules.
        references: The parents that the rules may ask.
        is_root: Whether the rows are judged as they were given.
    """
    if not check.rules:
        return
    table, rules = TABLE[check.table], check.rules
    joins = "\n".join(
        f"left join known_{reference.table} as {TABLE[reference.table].entity}"
        f" on {TABLE[reference.table].entity}.{TABLE[reference.table].key}"
        f" = {table.entity}.{reference.column}"
        for reference in references
    )
    source = f"""
        from rows_{table.name} as {table.entity}
        {joins}
        {check.joins}
    """
    flags = [f"broken_{place}" for place in range(len(rules))]
    judged = ", ".join(
        f"({broken_sql(rule, table)}) as {flag}" for rule, flag in zip(rules, flags, strict=True)
    )
    con.execute(f"""
        create or replace temp table accused as
        select * from (select {table.entity}._row, {judged} {source})
        where {" or ".join(flags)}
    """)
    if not scalar(con, "select count(*) from accused"):
        return
    cases = ", ".join(
        f"case when accused.{flag} then {{'rule': '{rule.name}', 'reason': {reason_sql(rule)}}} end"
        for rule, flag in zip(rules, flags, strict=True)
    )
    con.execute(f"""
        insert into violations (table_name, _row, rule, reason, is_root)
        select distinct '{table.name}', _row, broken.rule, broken.reason, {is_root}
        from (
            select {table.entity}._row, unnest([{cases}]) as broken
            {source}
            inner join accused on accused._row = {table.entity}._row
        )
        where broken is not null
        order by _row
    """)


def broken_sql(rule: Rule, table: Table) -> str:
    """When a rule is broken, as far as that can be judged."""
    guards = [
        f"{parent.entity}.is_known"
        for parent in (TABLE[reference.table] for reference in table.references)
        if rule.name != "dangling_reference" and f"{parent.entity}." in rule.broken_when
    ]
    # empty is a statement in an optional column, but not where it only means unreadable
    bits = sum(
        unreadable_bit(table, column.name)
        for column in table.columns
        if column.optional and re.search(rf"\b{table.entity}\.{column.name}\b", rule.broken_when)
    )
    if bits:
        guards.append(f"({table.entity}._unreadable & {bits}) = 0")
    return " and ".join([*guards, f"({rule.broken_when})"])


def reason_sql(rule: Rule) -> str:
    """The rule's reason with its expressions filled in, as SQL."""
    parts = re.split(r"\{(.*?)\}", rule.reason)
    return " || ".join(
        f"coalesce(cast({part} as varchar), 'empty')" if place % 2 else literal(part)
        for place, part in enumerate(parts)
        if part
    )
