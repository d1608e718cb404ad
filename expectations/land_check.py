"""Judges the rows that were read: what each of them breaks, and what falls with them.

First every rule is held against the rows as they were given; what is found there is a root cause.
Then the rows found are taken out and the rules between rows are held against the survivors, until
nothing more falls; what is found there follows from the root causes.
"""

from collections.abc import Iterable
from dataclasses import replace

from expectations.contract import TABLE, Reference, Table
from expectations.contract_rules import BETWEEN_CHECKS, ROW_CHECKS, Check, Rule
from expectations.land_read import SPOKEN, unreadable_bit
from expectations.land_rules import find_violations
from expectations.warehouse import Connection, scalar


class Court:
    """The rows under judgement; every table has the views through which its rows are seen.

    `rows_<table>` are the rows to judge, `members_<table>` the same with `is_known`, and
    `known_<table>` has one row per key: what children are judged by. While rows are judged as they
    were given, the fallen ones are still there, but not known; afterwards they are out.
    """

    def __init__(self, con: Connection, tables: Iterable[Table]) -> None:
        """Takes the tables whose files could be read."""
        self.con = con
        self.tables = tuple(tables)
        self._are_fallen_out = False
        self._fallen_counts: dict[str, int] = {}
        con.execute("create temp sequence violation_number")
        con.execute("""
            create temp table violations (
                number bigint default nextval('violation_number'),
                table_name varchar,
                _row bigint,
                rule varchar,
                reason varchar,
                is_root boolean
            )
        """)
        con.execute("create temp table fallen (table_name varchar, _row bigint)")
        for table in self.tables:
            self._define_views(table)

    @property
    def fallen_count(self) -> int:
        """Rows that have fallen so far."""
        return sum(self._fallen_counts.values())

    def has_fallen(self, table: Table) -> bool:
        """Whether a row of the table has fallen."""
        return self._fallen_counts.get(table.name, 0) > 0

    def let_fall(self) -> None:
        """Lets all rows fall that were found to break a rule since the last time."""
        self.con.execute("""
            insert into fallen
            select distinct table_name, _row from violations
            except
            select table_name, _row from fallen
        """)
        counted = self.con.execute("select table_name, count(*) from fallen group by 1").fetchall()
        before, self._fallen_counts = self._fallen_counts, dict(counted)
        for table in self.tables:
            if before.get(table.name) != self._fallen_counts.get(table.name):
                self._define_views(table)

    def take_fallen_out(self) -> None:
        """From now on the fallen rows are not there any more."""
        self._are_fallen_out = True
        for table in self.tables:
            self._define_views(table)

    def _define_views(self, table: Table) -> None:
        name, key = table.name, table.key
        fallen = f"(select _row from fallen where table_name = '{name}')"
        given = f"(select * from given_{name})"
        rows = given
        if self._are_fallen_out and self.has_fallen(table):
            rows = f"{given} anti join {fallen} using (_row)"
        self._define("rows", name, f"select * from {rows}")
        if self._are_fallen_out or not self.has_fallen(table):
            self._define("members", name, f"select *, true as is_known from rows_{name}")
            self._define("known", name, f"select * from members_{name}")
            return
        self._define(
            "members",
            name,
            f"""
            select *, true as is_known from {given} anti join {fallen} using (_row)
            union all by name
            select *, false as is_known from {given} semi join {fallen} using (_row)
            """,
        )
        self._define(
            "known",
            name,
            f"""
            select * from members_{name} where is_known
            union all by name
            select distinct {key}, false as is_known from members_{name}
            where not is_known and {key} is not null
            """,
        )

    def _define(self, kind: str, name: str, sql: str) -> None:
        self.con.execute(f"create or replace temp view {kind}_{name} as {sql}")


def check_rows(con: Connection, tables: Iterable[Table]) -> Court:
    """Finds what rows break by themselves: values, keys and rules on one row."""
    court = Court(con, tables)
    for table in court.tables:
        _find_wrong_types(con, table)
        _find_row_violations(con, table)
        if not _keys_rise(con, table):
            _find_repeated_keys(con, table)
    court.let_fall()
    return court


def check_between_rows(court: Court) -> None:
    """Finds what rows break together: references, order of events, sums over a project."""
    incomplete = {table.name for table in court.tables if _has_unknown_rows(court, table)}
    for check in _between_checks():
        rules = tuple(rule for rule in check.rules if incomplete.isdisjoint(rule.absence_in))
        references = TABLE[check.table].references
        find_violations(court.con, replace(check, rules=rules), references=references, is_root=True)
        court.let_fall()
    if incomplete or court.fallen_count:
        court.take_fallen_out()
        _let_dependants_fall(court)


def _let_dependants_fall(court: Court) -> None:
    """Takes rows out until every survivor keeps the contract among survivors."""
    count = -1
    while count != court.fallen_count:
        count = court.fallen_count
        for check in _between_checks():
            table = TABLE[check.table]
            for reference in table.references:
                if court.has_fallen(TABLE[reference.table]):
                    _find_orphans(court.con, table, reference)
            court.let_fall()
            find_violations(court.con, check, references=table.references, is_root=False)
            court.let_fall()


def _between_checks() -> list[Check]:
    """The rules between rows; a table's references are judged with its first ones."""
    checks = []
    seen = set()
    for check in BETWEEN_CHECKS:
        references = () if check.table in seen else _reference_rules(TABLE[check.table])
        checks.append(Check(check.table, (*references, *check.rules), check.joins))
        seen.add(check.table)
    return checks


def _reference_rules(table: Table) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            "dangling_reference",
            f"{table.entity}.{reference.column} is not null"
            f" and {TABLE[reference.table].entity}.is_known is null",
            f"{reference.column} {{{table.entity}.{reference.column}}} is not in {reference.table}",
            absence_in=(reference.table,),
        )
        for reference in table.references
    )


def _has_unknown_rows(court: Court, table: Table) -> bool:
    """Whether rows of the table could not be read, or it is not known whose they are."""
    con = court.con
    lines = f"select count(*) from unreadable_lines where table_name = '{table.name}'"
    if scalar(con, lines):
        return True
    if not court.has_fallen(table):
        return False
    links = [table.key, *(reference.column for reference in table.references)]
    bits = sum(unreadable_bit(table, column) for column in links)
    required = [column.name for column in table.columns if not column.optional]
    nulls = " or ".join(f"{column} is null" for column in links if column in required)
    sql = f"""
        select count(*) from given_{table.name} where {nulls} or (_unreadable & {bits}) <> 0
    """
    return bool(scalar(con, sql))


def _find_wrong_types(con: Connection, table: Table) -> None:
    if not scalar(con, f"select bit_or(_unreadable) from given_{table.name}"):
        return
    for column in table.columns:
        con.execute(f"""
            insert into violations (table_name, _row, rule, reason, is_root)
            select
                '{table.name}', given._row, 'wrong_type',
                '{column.name} ''' || raw."{column.name}" || ''' is not {SPOKEN[column.type]}',
                true
            from given_{table.name} as given
            inner join raw_{table.name} as raw on raw._row = given._row
            where (given._unreadable & {unreadable_bit(table, column.name)}) <> 0
        """)


def _find_row_violations(con: Connection, table: Table) -> None:
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
    find_violations(con, Check(table.name, (*missing, *own)), references=(), is_root=True)


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


def _find_repeated_keys(con: Connection, table: Table) -> None:
    name, key = table.name, table.key
    con.execute(f"""
        insert into violations (table_name, _row, rule, reason, is_root)
        select
            '{name}', given._row, 'duplicate_key',
            '{key} ' || given.{key} || ' stands in ' || repeated.row_count || ' rows', true
        from given_{name} as given
        inner join (
            select {key}, count(*) as row_count from given_{name}
            where {key} is not null group by {key} having count(*) > 1
        ) as repeated on repeated.{key} = given.{key}
    """)


def _find_orphans(con: Connection, table: Table, reference: Reference) -> None:
    """Finds the survivors whose parent has fallen, and says what felled it."""
    parent = TABLE[reference.table]
    con.execute(f"""
        insert into violations (table_name, _row, rule, reason, is_root)
        select
            '{table.name}', child._row, 'parent_quarantined',
            '{reference.column} ' || child.{reference.column} || ' is quarantined: ' || lost.cause,
            false
        from rows_{table.name} as child
        inner join (
            select
                given.{parent.key},
                min_by(
                    case violations.rule
                        when 'parent_quarantined' then violations.reason else violations.rule
                    end,
                    violations.number
                ) as cause
            from given_{parent.name} as given
            inner join violations
                on violations._row = given._row and violations.table_name = '{parent.name}'
            group by given.{parent.key}
        ) as lost on lost.{parent.key} = child.{reference.column}
    """)
