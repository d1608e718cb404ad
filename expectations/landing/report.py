"""Reports rows that violate the contract: for people on screen, whole in a CSV file."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from expectations.landing.contract import TABLE, TABLES
from expectations.landing.reading import FileProblem
from expectations.landing.rows import RowChecker
from expectations.screen import MARGIN, WIDTH, counted
from expectations.warehouse import Connection, literal, scalar

SHOWN_KEYS = 5
REFUSAL_MARGIN = 2  # what stands before each line of a refusal
MAX_LINES = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """What one table's rows do against one rule.

    Attributes:
        table: Their table.
        rule: What they violate.
        row_count: How many rows do.
        keys: The first few of them; file and line where a line is no row.
        reason: Why the first of them does.
        is_root: Whether the rows violate it as they are in the file, and not only after others
            were rejected.
        dependent_count: Other rows that are rejected for this rule: because of a rejected parent
            or missing rows, in however many steps. 0 unless `is_root`.
        sole_count: Rows of both kinds that are rejected for no other rule.
    """

    table: str
    rule: str
    row_count: int
    keys: tuple[str, ...]
    reason: str
    is_root: bool
    dependent_count: int = 0
    sole_count: int = 0

    @property
    def cost(self) -> int:
        """Rows that are rejected for this rule, whether or not for others, too."""
        return self.row_count + self.dependent_count


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


def refusal(
    checker: RowChecker, problems: list[FileProblem], data: Path, folder: Path, seconds: float
) -> str:
    """What to print when a landing is refused; `folder` will hold the whole report."""
    roots, dependents = _findings(checker)
    what = (
        f"{counted(len({each.file for each in problems}), 'file')} of {data} cannot be read as it"
        " should"
        if problems
        else f"{counted(sum(each.row_count for each in roots), 'violation')} of"
        f" {counted(len({each.rule for each in roots}), 'rule')} in {data}"
    )
    lines = _described_problems(problems) + _described(roots, REFUSAL_MARGIN)
    if problems:
        lines.append(
            "rules that need these files were not checked, nor what would be rejected with them"
        )
    if dependents:
        count = scalar(checker.con, "select count(*) from rejected where not is_violating")
        lines.append(f"{counted(count, 'more row')} would be quarantined with these:")
        lines += _described(dependents, REFUSAL_MARGIN)
    lines.append(f"all keys: {folder / 'violations.csv'}")
    if not problems:
        lines.append(f"{_advice(roots)};")
        lines.append(
            "or leave these rows (and what is rejected with them) out: ON_BAD_ROWS=quarantine"
        )
    return "\n".join(
        [f"{what}; nothing was changed ({seconds:.1f} s)", *(f"  {line}" for line in lines)]
    )


def about_quarantine(checker: RowChecker) -> list[str]:
    """What to print of the rows that were quarantined."""
    if not checker.cause_bits:
        return []
    roots, dependents = _findings(checker)
    return [
        *_described(roots, MARGIN),
        *_described(dependents, MARGIN),
        "each row with all its reasons: quality.quarantined_rows",
        _advice(roots),
    ]


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


def _findings(checker: RowChecker) -> tuple[list[Finding], list[Finding]]:
    """What rows do as they are in the files, and once these are rejected; most costly first."""
    groups = checker.con.execute("select causes, count(*) from rejected group by causes").fetchall()
    roots, dependents = [], []
    for table, rule, count, keys, reason, is_root in _violated_rules(checker.con):
        finding = Finding(table, rule, count, tuple(keys), reason, is_root)
        if is_root:
            roots.append(_with_cost(finding, checker.cause_bits[table, rule], groups))
        else:
            dependents.append(finding)
    # of two rules that cost the same rows, the one to correct is that which fewer rows violate
    roots.sort(key=lambda each: (-each.cost, each.row_count))
    dependents.sort(key=lambda each: -each.row_count)
    return roots, dependents


def _violated_rules(con: Connection) -> list[tuple[str, str, int, list[str], str, bool]]:
    """The attributes of a finding but its costs, in the order of the contract."""
    return con.execute(f"""
        with

        violating_rows as (
            select
                "table",
                rule,
                is_root,
                coalesce(nullif(key, ''), source) as label,
                min(number) as number,
                min_by(reason, number) as reason
            from report
            where number >= 0
            -- a row may violate a rule in two ways
            group by "table", rule, is_root, label, _row
        )

        select
            "table",
            rule,
            count(*),
            min_by(label, number, {SHOWN_KEYS}),
            min_by(reason, number),
            is_root
        from violating_rows
        group by "table", rule, is_root
        order by
            is_root desc,
            list_position({[table.name for table in TABLES]}, "table"),
            min(number),
            rule
    """).fetchall()


def _with_cost(finding: Finding, bit: int, groups: list[tuple[int, int]]) -> Finding:
    """Adds what a rule costs; `groups` has the number of rejected rows per set of causes."""
    if not groups:
        # nothing is rejected while a whole file cannot be read
        return replace(finding, sole_count=finding.row_count)
    # a line that is no row is not among the rejected rows, and has no other cause
    lines = finding.row_count if finding.rule == "unreadable_line" else 0
    cost = lines + sum(count for causes, count in groups if causes & bit)
    sole = lines + sum(count for causes, count in groups if causes == bit)
    return replace(finding, dependent_count=cost - finding.row_count, sole_count=sole)


def _advice(roots: list[Finding]) -> str:
    start = ", beginning with the first rule named: it costs the most rows"
    return f"correct the export{start if len(roots) > 1 else ''}"


def _described_problems(problems: list[FileProblem]) -> list[str]:
    """Lines for people, one per problem of a whole file."""
    return [
        line
        for each in problems
        for line in _wrapped(f"{each.file}  {each.rule}  {each.reason}", REFUSAL_MARGIN)
    ]


def _described(found: Iterable[Finding], margin: int) -> list[str]:
    """Lines for people: table, rule, number of rows, what is rejected with them, the first keys."""
    lines = []
    for each in found:
        keys = ", ".join(each.keys) + (", …" if each.row_count > len(each.keys) else "")
        head = f"{each.table}  {each.rule}  {counted(each.row_count, 'row')}: {keys}"
        lines += _wrapped(head, margin)
        if each.is_root and {each.cost, each.sole_count} != {each.row_count}:
            others = f": these and {each.dependent_count:,} rejected with them"
            lines.append(
                f"    costs {counted(each.cost, 'row')}{others if each.dependent_count else ''};"
                f" {each.sole_count:,} of them for no other cause"
            )
        if each.is_root:
            lines += _wrapped(each.reason, margin, "    ")
    return lines


def _wrapped(text: str, margin: int, indent: str = "") -> list[str]:
    """A text in a few lines that fit the screen, whatever characters the data put into it."""
    start = text[: (MAX_LINES + 1) * WIDTH].replace("\n", " ")
    return textwrap.wrap(
        "".join(each if each.isprintable() else "\ufffd" for each in start),
        WIDTH - margin,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        max_lines=MAX_LINES,
        placeholder=" …",
    )


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
