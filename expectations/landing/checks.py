"""Checks the rows that were read: which rules they violate, and what is rejected with them.

First every rule is checked on the rows as they are in the files. A rule is judged wherever the
cells that it reads can be read and the rows that it refers to are there, whether or not these rows
violate other rules; so all violations are found at once. Then the violating rows are rejected, and
references and rules about absent rows are checked on the others, until no more rows are
rejected.

At last the causes of each rejected row are traced, to count the rows that each rule costs.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from operator import or_

from expectations.landing.causes import trace_causes
from expectations.landing.contract import TABLE, TABLES, Table
from expectations.landing.reading import TYPE_NAMES, read_nothing, unreadable_bit
from expectations.landing.rows import RowChecker
from expectations.landing.rules_between_rows import BETWEEN_CHECKS
from expectations.landing.rules_of_rows import ROW_CHECKS, Absence, Check, Rule
from expectations.warehouse import Connection, scalar


def check_rows(con: Connection, unread_tables: Iterable[str]) -> RowChecker:
    """Finds what rows violate by themselves: values, keys and rules on one row.

    Args:
        con: The scratch database.
        unread_tables: Names of the tables whose file could not be read.
    """
    checker = RowChecker(con, TABLES, unread_tables)
    for name in checker.unread_tables:
        read_nothing(con, TABLE[name])
    checker.define_views()
    for table in TABLES:
        if scalar(con, f"select count(*) from unreadable_lines where table_name = '{table.name}'"):
            checker.cause_bit(table.name, "unreadable_line")
        _find_wrong_types(checker, table)
        _find_row_violations(checker, table)
        if _keys_rise(con, table):
            checker.rising.add(table.name)
        else:
            _find_repeated_keys(checker, table)
    return checker


def check_between_rows(checker: RowChecker) -> None:
    """Finds what rows violate together: references, order of events, sums over a project."""
    unclear = _unclear_columns(checker)
    for check in _between_checks():
        rules = tuple(
            rule for rule in check.rules if not rule.absence or _is_judgeable(rule.absence, unclear)
        )
        checker.find_violations(replace(check, rules=rules), has_references=True)
    if checker.unread_tables or not checker.cause_bits:
        return
    checker.reject()
    _reject_dependants(checker, unclear)
    trace_causes(checker)


def _reject_dependants(checker: RowChecker, unclear: dict[str, int]) -> None:
    """Rejects rows, round by round, until every other row keeps the contract without them.

    A round sees the rows that were left by the one before, so a row has all causes of its round.
    Rules without an absence need no second look: fewer rows cannot violate them.
    """
    checks = _between_checks()
    seen: dict[int, list[int]] = {}
    count = -1
    while count != checker.rejected_count:
        count = checker.rejected_count
        for place, check in enumerate(checks):
            absences = {rule.absence.table for rule in check.rules if rule.absence}
            counts = [checker.rejected_counts.get(name, 0) for name in sorted(absences)]
            if seen.get(place) != counts:
                seen[place] = counts
                _find_dependants(checker, check, unclear)
        checker.reject()


def _find_dependants(checker: RowChecker, check: Check, unclear: dict[str, int]) -> None:
    """Finds the rows of a table that need rows rejected so far."""
    for rule in (each for each in check.rules if each.absence):
        absence = rule.absence
        assert absence
        causes = reduce(or_, (unclear.get(each, 0) for each in _columns_of(absence)))
        is_lost = absence.table in checker.rejected_counts
        if is_lost and absence.is_reference:
            _find_orphans(checker, TABLE[check.table], absence)
        if causes or (is_lost and not absence.is_reference):
            checker.find_absences(check, rule, absence, causes)


def _between_checks() -> list[Check]:
    """The rules between rows; a table's references are checked with its first ones."""
    checks = []
    seen = set()
    for check in BETWEEN_CHECKS:
        references = () if check.table in seen else _reference_rules(TABLE[check.table])
        checks.append(replace(check, rules=(*references, *check.rules)))
        seen.add(check.table)
    return checks


def _reference_rules(table: Table) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            "dangling_reference",
            f"{table.entity}.{reference.column} is not null"
            f" and {parent.entity}.{parent.key} is null",
            f"{reference.column} {{{table.entity}.{reference.column}}} is not in {parent.name}",
            Absence(
                parent.name,
                ((parent.key, f"{table.entity}.{reference.column}"),),
                is_reference=True,
            ),
        )
        for reference in table.references
        for parent in (TABLE[reference.table],)
    )


def _is_judgeable(absence: Absence, unclear: dict[str, int]) -> bool:
    """Whether no row that cannot be placed could be the missing one."""
    judged = {f"{absence.table}.{column}" for column in absence.judged_with_gaps}
    return unclear.keys().isdisjoint(set(_columns_of(absence)) - judged)


def _columns_of(absence: Absence) -> list[str]:
    return [f"{absence.table}.{column}" for column in ("*", *(each for each, _ in absence.links))]


def _unclear_columns(checker: RowChecker) -> dict[str, int]:
    """Columns in which some rows have no value that can be read, and the causes of that.

    `<table>.*` stands for all of them: whole rows could not be read.
    """
    unclear = {}
    for table in checker.tables:
        causes = [
            checker.cause_bits.get((table.name, rule), 0)
            for rule in ("unreadable_line", "wrong_type", "missing_value", "duplicate_key")
        ]
        if table.name in checker.unread_tables or causes[0]:
            unclear[f"{table.name}.*"] = reduce(or_, causes)
        for column in (table.key, *(reference.column for reference in table.references)):
            sql = f"select bool_or({column} is null) from keyed_{table.name}"
            if any(causes) and scalar(checker.con, sql):
                unclear[f"{table.name}.{column}"] = reduce(or_, causes)
    return unclear


def _find_wrong_types(checker: RowChecker, table: Table) -> None:
    if not scalar(checker.con, f"select bit_or(_unreadable) from given_{table.name}"):
        return
    checker.unreadable.add(table.name)
    for column in table.columns:
        checker.add(
            table,
            "wrong_type",
            f"'{column.name} ''' || raw.\"{column.name}\" || ''' is not {TYPE_NAMES[column.type]}'",
            f"""
            inner join raw_{table.name} as raw on raw._row = given._row
            where (given._unreadable & {unreadable_bit(table, column.name)}) <> 0
            """,
        )


def _find_row_violations(checker: RowChecker, table: Table) -> None:
    missing = [
        Rule(
            "missing_value",
            f"{table.entity}.{column.name} is null and"
            f" ({table.entity}._unreadable & {unreadable_bit(table, column.name)}) = 0",
            f"{column.name} is empty",
        )
        for column in table.columns
        if not column.optional
    ]
    own = [rule for check in ROW_CHECKS if check.table == table.name for rule in check.rules]
    checker.find_violations(Check(table.name, (*missing, *own)), has_references=False)


def _keys_rise(con: Connection, table: Table) -> bool:
    """Whether the keys rise from row to row: most do, and then none stands twice."""
    sql = f"""
        select count(*) filter (where key_now is null or key_now <= key_before)
        from (
            select {table.key} as key_now, lag({table.key}) over () as key_before
            from given_{table.name}
        )
    """
    return bool(scalar(con, sql) == 0)


def _find_repeated_keys(checker: RowChecker, table: Table) -> None:
    key = table.key
    checker.add(
        table,
        "duplicate_key",
        f"'{key} ' || given.{key} || ' stands in ' || repeated.row_count || ' rows'",
        f"""
        inner join (
            select {key}, count(*) as row_count from given_{table.name}
            where {key} is not null group by {key} having count(*) > 1
        ) as repeated on repeated.{key} = given.{key}
        """,
    )
    if (table.name, "duplicate_key") in checker.cause_bits:
        checker.merge_repeated_keys(table)


def _find_orphans(checker: RowChecker, table: Table, absence: Absence) -> None:
    """Finds rows whose parent was rejected, with the reason."""
    parent = TABLE[absence.table]
    ((_, name),) = absence.links
    column = name.removeprefix(f"{table.entity}.")
    checker.con.execute(f"""
        insert into violations (table_name, _row, rule, reason, is_root, causes, possible_causes)
        select
            '{table.name}',
            {table.entity}._row,
            'parent_quarantined',
            '{column} ' || {name} || ' is quarantined: ' || lost.reason,
            false,
            0,
            lost.causes
        from rows_{table.name} as {table.entity}
        inner join (
            select
                lost.{parent.key},
                bit_or(lost.possible_causes) as causes,
                min_by(
                    case violations.rule
                        when 'parent_quarantined' then violations.reason else violations.rule
                    end,
                    violations.number
                ) as reason
            from lost_{parent.name} as lost
            inner join violations
                on violations._row = lost._row and violations.table_name = '{parent.name}'
            group by lost.{parent.key}
        ) as lost on lost.{parent.key} = {name}
        order by {table.entity}._row
    """)
