"""The rows that landing checks, and what was found about them."""

from collections.abc import Iterable
from dataclasses import replace

from expectations.landing.contract import TABLE, Table
from expectations.landing.reading import unreadable_bit
from expectations.landing.rule_sql import lost_sql, reason_sql, source_sql, violating_sql
from expectations.landing.rules_of_rows import Absence, Check, Rule
from expectations.warehouse import Connection, scalar


class RowChecker:
    """The rows being checked, and what was found about them.

    `rows_<table>` are the rows to check and `keyed_<table>` the same, one row per key: what other
    rows are checked against. Rows that share a key count as one there, with those values on which
    they agree; the others are unknown. Once rows are rejected, neither view has them any more, and
    `lost_<table>` has them with their causes.

    Tables: `violations` (one row per row, rule and reason) and `rejected` (one row per row), both
    with `causes`, a set of bits: rules known to reject the row alone. `possible_causes` has those
    of the rows rejected before it, for rows that no rule rejects alone.

    Attributes:
        con: The scratch database.
        tables: All tables, parents first.
        unread_tables: Names of those whose file could not be read.
        unreadable: Names of those in which a value is not of its type, or not known.
        rising: Names of those whose keys rise from row to row as they were read.
        cause_bits: The bit of each (table, rule) that is violated as the files are.
        rejected_counts: Rejected rows per table; a table without any is not in it.
    """

    def __init__(
        self, con: Connection, tables: Iterable[Table], unread_tables: Iterable[str]
    ) -> None:
        """Takes all tables, parents first, and the names of those that could not be read."""
        self.con = con
        self.tables = tuple(tables)
        self.cause_bits: dict[tuple[str, str], int] = {}
        self.unread_tables = frozenset(unread_tables)
        self.unreadable: set[str] = set()
        self.rising: set[str] = set()
        self.rejected_counts: dict[str, int] = {}
        con.execute("create temp sequence violation_number")
        con.execute("""
            create temp table violations (
                number bigint default nextval('violation_number'),
                table_name varchar,
                _row bigint,
                rule varchar,
                reason varchar,
                is_root boolean,
                causes hugeint,
                possible_causes hugeint
            )
        """)
        con.execute("""
            create temp table rejected (
                table_name varchar,
                _row bigint,
                is_violating boolean,
                causes hugeint,
                possible_causes hugeint
            )
        """)

    @property
    def rejected_count(self) -> int:
        """Rows that were rejected so far."""
        return sum(self.rejected_counts.values())

    def cause_bit(self, table: str, rule: str) -> int:
        """The bit of a rule that a table's rows violate as they are in the file."""
        return self.cause_bits.setdefault((table, rule), 1 << len(self.cause_bits))

    def define_views(self) -> None:
        """Makes the views through which rows are seen, now that all were read."""
        for table in self.tables:
            name, rows = table.name, f"(select * from given_{table.name})"
            rejected = (
                f"(select _row, causes, possible_causes from rejected where table_name = '{name}')"
            )
            lost = f"{rows} inner join {rejected} using (_row)"
            if name in self.rejected_counts:
                rows = f"{rows} anti join {rejected} using (_row)"
            self._define("rows", table, f"select * from {rows}")
            self._define("keyed", table, f"select * from rows_{name}")
            self._define("lost", table, f"select * from {lost}")

    def add(self, table: Table, rule: str, reason: str, source: str) -> None:
        """Adds rows as violating a rule; `source` goes on after `from given_<table> as given`."""
        bit = self.cause_bits.get((table.name, rule), 1 << len(self.cause_bits))
        (added,) = self.con.execute(f"""
            insert into violations (table_name, _row, rule, reason, is_root, causes)
            select '{table.name}', given._row, '{rule}', {reason}, true, {bit}::hugeint
            from given_{table.name} as given
            {source}
        """).fetchone() or (0,)
        if added:
            self.cause_bit(table.name, rule)

    def find_violations(self, check: Check, *, has_references: bool) -> None:
        """Finds the rows that violate a check's rules as they are in the file, in one scan."""
        if not check.rules:
            return
        source = source_sql(check, has_references=has_references)
        self.con.execute(
            f"create or replace temp table violating as"
            f" {violating_sql(check, source, self.unreadable)}"
        )
        if not scalar(self.con, "select count(*) from violating"):
            return
        flags = [f"bool_or(broken_{place})" for place in range(len(check.rules))]
        row = self.con.execute(f"select {', '.join(flags)} from violating").fetchone() or ()
        entity = TABLE[check.table].entity
        cases = ", ".join(
            f"case when violating.broken_{place} then {{'rule': '{rule.name}', 'reason':"
            f" {reason_sql(rule, check, self.unreadable)},"
            f" 'causes': {self.cause_bit(check.table, rule.name)}::hugeint}} end"
            for place, rule in enumerate(check.rules)
            if row[place]
        )
        self.con.execute(f"""
            insert into violations (table_name, _row, rule, reason, is_root, causes)
            select distinct
                '{check.table}', _row, broken.rule, broken.reason, true, broken.causes
            from (
                select {entity}._row, unnest([{cases}]) as broken
                {source}
                inner join violating on violating._row = {entity}._row
            )
            where broken is not null
            order by 2, 6, 4
        """)

    def find_absences(self, check: Check, rule: Rule, absence: Absence, other_causes: int) -> None:
        """Finds rows that violate a rule now that others are rejected."""
        source = source_sql(check, has_references=True)
        one = replace(check, rules=(rule,))
        self.con.execute(
            f"create or replace temp table violating as {violating_sql(one, source, ())}"
        )
        if not scalar(self.con, "select count(*) from violating"):
            return
        entity = TABLE[check.table].entity
        self.con.execute(f"""
            insert into violations (
                table_name, _row, rule, reason, is_root, causes, possible_causes
            )
            select '{check.table}', {entity}._row, '{rule.name}', {reason_sql(rule, one, ())},
                false,
                {other_causes}::hugeint,
                coalesce(bit_or(lost.possible_causes), 0) | {other_causes}::hugeint
            {source}
            inner join violating on violating._row = {entity}._row
            {lost_sql(absence)}
            group by all
            -- who names a rejected row has lost a parent: that is another rule
            having {not absence.is_reference} or count(lost._row) = 0
            order by {entity}._row
        """)

    def merge_repeated_keys(self, table: Table) -> None:
        """Lets rows that share a key count as one row where others are checked against it."""
        name, key = table.name, table.key
        values, bits = [key], ["bit_or(_unreadable)", "0"]
        for column in table.columns[1:]:
            agree = (
                f"(count(distinct {column.name}) <= 1 and count({column.name}) in (0, count(*)))"
            )
            values.append(f"case when {agree} then any_value({column.name}) end as {column.name}")
            bit = unreadable_bit(table, column.name)
            bits.append(f"case when {agree} then 0 else {bit} end")
        self.con.execute(f"""
            create temp table merged_{name} as
            select min(_row) as _row, {", ".join(values)}, {" | ".join(bits)} as _unreadable
            from given_{name}
            where {key} in (
                select {key} from given_{name} where {key} is not null
                group by {key} having count(*) > 1
            )
            group by {key}
        """)
        self._define(
            "keyed",
            table,
            f"""
            select * from given_{name} anti join merged_{name} using ({key})
            union all by name
            select * from merged_{name}
            """,
        )
        if scalar(self.con, f"select bit_or(_unreadable) from merged_{name}"):
            self.unreadable.add(name)

    def reject(self) -> None:
        """Rejects all rows that were found to violate a rule since the last time."""
        (added,) = self.con.execute("""
            insert into rejected
            select
                table_name,
                _row,
                bool_or(is_root),
                bit_or(causes),
                bit_or(coalesce(possible_causes, causes))
            from violations
            anti join rejected using (table_name, _row)
            group by table_name, _row
        """).fetchone() or (0,)
        if not added:
            return
        counted = self.con.execute("select table_name, count(*) from rejected group by 1")
        self.rejected_counts = dict(counted.fetchall())
        self.define_views()

    def _define(self, kind: str, table: Table, sql: str) -> None:
        self.con.execute(f"create or replace temp view {kind}_{table.name} as {sql}")
