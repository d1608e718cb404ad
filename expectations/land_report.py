"""Tells which rows were refused: for people on screen and in a text, whole in a CSV file."""

from dataclasses import dataclass
from pathlib import Path

from expectations.contract import TABLE, TABLES
from expectations.land_read import FileProblem
from expectations.warehouse import Connection, literal

SHOWN_KEYS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What one table's rows do against one rule.

    Attributes:
        table: Their table.
        rule: What they break.
        row_count: How many rows do.
        keys: The first few of them; file and line where a line is no row.
        reason: Why the first of them does.
        is_root: Whether the rows break it as given, and not only after others were taken out.
    """

    table: str
    rule: str
    row_count: int
    keys: tuple[str, ...]
    reason: str
    is_root: bool


def build_report(con: Connection, files: dict[str, Path], problems: list[FileProblem]) -> None:
    """Makes table `report`: per row and rule that it breaks, the row as it is in the file."""
    con.execute("""
        create temp table report (
            number bigint,
            "table" varchar,
            key varchar,
            rule varchar,
            reason varchar,
            source varchar,
            row_json varchar,
            is_root boolean,
            _row bigint
        )
    """)
    for number, problem in enumerate(problems, start=-len(problems)):
        con.execute(
            "insert into report values ($1, $2, '', $3, $4, $5, '', true, null)",
            [number, problem.table, problem.rule, problem.reason, problem.file],
        )
    for table in TABLES:
        if table.name in files:
            _report_lines(con, table.name, files[table.name].name)
    violated = con.execute("select distinct table_name from violations").fetchall()
    for (name,) in violated:
        _report_rows(con, name, files[name].name)


def findings(con: Connection) -> list[Finding]:
    """What rows and lines do, per table and rule; root causes first."""
    rows = con.execute(f"""
        with

        accused_rows as (
            select
                "table",
                rule,
                is_root,
                coalesce(nullif(key, ''), source) as label,
                min(number) as number,
                min_by(reason, number) as reason
            from report
            where number >= 0
            -- a row may break a rule in two ways
            group by "table", rule, is_root, label, _row
        )

        select
            "table",
            rule,
            count(*),
            min_by(label, number, {SHOWN_KEYS}),
            min_by(reason, number),
            is_root
        from accused_rows
        group by "table", rule, is_root
        order by
            is_root desc,
            list_position({[table.name for table in TABLES]}, "table"),
            min(number),
            rule
    """).fetchall()
    return [
        Finding(table, rule, count, tuple(keys), reason, is_root)
        for table, rule, count, keys, reason, is_root in rows
    ]


def counted(count: int, noun: str) -> str:
    """A number of things, for people."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def describe_problems(problems: list[FileProblem]) -> list[str]:
    """Lines for people, one per problem of a whole file."""
    return [f"  {each.file}  {each.rule}  {each.reason}" for each in problems]


def describe(found: list[Finding], *, is_root: bool) -> list[str]:
    """Lines for people: table, rule, number of rows, the first keys; below it a reason."""
    lines = []
    for finding in (each for each in found if each.is_root is is_root):
        more = ", …" if finding.row_count > len(finding.keys) else ""
        lines.append(
            f"  {finding.table}  {finding.rule}  {counted(finding.row_count, 'row')}:"
            f" {', '.join(finding.keys)}{more}"
        )
        lines.append(f"      {finding.reason}")
    return lines


def write_rejection(con: Connection, folder: Path, text: str) -> Path:
    """Writes the whole report into a folder and returns the file with all keys."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "violations.csv"
    con.execute(f"""
        copy (
            select "table", key, rule, reason, source, row_json, is_root
            from report order by is_root desc, number, source
        ) to {literal(path)} (format csv, header)
    """)
    (folder / "report.txt").write_text(text + "\n", encoding="utf-8")
    return path


def _report_lines(con: Connection, name: str, file: str) -> None:
    con.execute(f"""
        insert into report
        select
            0, '{name}', '', 'unreadable_line', reason, {literal(file)} || ':' || line,
            to_json({{'line': text}}), true, null
        from unreadable_lines
        where table_name = '{name}'
        order by line
    """)


def _report_rows(con: Connection, name: str, file: str) -> None:
    table = TABLE[name]
    values = ", ".join(f"'{column.name}': raw.\"{column.name}\"" for column in table.columns)
    key = f"coalesce(cast(raw.\"{table.key}\" as varchar), '')"
    con.execute(f"""
        insert into report
        select
            violations.number,
            '{name}',
            {key},
            violations.rule,
            violations.reason,
            {literal(file)} || case
                when {key} = '' or violations.rule = 'duplicate_key' then ' row ' || (raw._row + 1)
                else ''
            end,
            to_json({{{values}}}),
            violations.is_root,
            violations._row
        from violations
        inner join raw_{name} as raw on raw._row = violations._row
        where violations.table_name = '{name}'
        order by violations.number
    """)
