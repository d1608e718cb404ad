"""Finds the files of an export and reads them with exact types; nothing is rounded or guessed."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from expectations.errors import CallError
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
from expectations.landing.csv_files import (
    UnreadableFileError,
    csv_relation,
    explain,
    keep_unreadable_lines,
    read_header,
)
from expectations.warehouse import Connection, DatabaseError, literal, scalar

ENDINGS = (".csv", ".parquet")

# Types of Parquet columns that are the contract's already. Any other goes through its text, so that
# the rules for text (no rounding, nothing lost) hold for it too.
NATIVE = {
    INTEGER: {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"},
    TEXT: {"VARCHAR"},
    MONEY: {"DECIMAL(18,2)"},
    TIMESTAMP: {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE"},
    TRUTH: {"BOOLEAN"},
}
THROUGH_TEXT = {
    INTEGER: ("VARCHAR", "UBIGINT", "HUGEINT", "UHUGEINT", "DECIMAL"),
    TEXT: ("UUID", "JSON", "ENUM"),
    MONEY: ("VARCHAR", "DECIMAL", "HUGEINT", "UBIGINT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT"),
    TIMESTAMP: ("VARCHAR", "TIMESTAMP_NS", "TIMESTAMPTZ_NS", "DATE"),
    TRUTH: ("VARCHAR", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UTINYINT"),
}
# of a column without empty texts, of which DuckDB can go on knowing whether it holds NULL
FULL_TEXT = "VARCHAR <> ''"
TYPE_NAMES = {
    INTEGER: "an integer",
    TEXT: "text",
    MONEY: "money (digits, at most 16 before the point and 2 after it, such as 1234.50)",
    TIMESTAMP: "a timestamp (ISO 8601, to the microsecond, such as 2024-01-31 23:59:00)",
    TRUTH: "true or false",
}

# DuckDB's casts are lenient (1.5 is the bigint 2, 1.005 the money 1.01): the pattern decides.
TIME_OF_DAY = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6}0*)?)?"
PATTERN = {
    INTEGER: r"-?\d+(\.0*)?",
    MONEY: r"[+-]?\d+(\.\d{0,2}0*)?",
    TIMESTAMP: rf"\d{{4}}-\d\d-\d\d([T ]{TIME_OF_DAY}(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)?)?",
    TRUTH: "(?i)true|false|t|f|1|0",
}
# A cast to TIMESTAMP would drop the offset without a word.
CAST = {
    INTEGER: "try_cast({text} as bigint)",
    MONEY: "try_cast({text} as decimal(18,2))",
    TIMESTAMP: "make_timestamp(epoch_us(try_cast({text} as timestamptz)))",
    TRUTH: "try_cast({text} as boolean)",
}
# infinity, which Parquet can hold, lies outside
FIRST_TIMESTAMP, LAST_TIMESTAMP = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999998"


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Something about a whole file; it cannot be quarantined."""

    table: str
    file: str
    rule: str
    reason: str


def find_files(folder: Path) -> dict[str, Path]:
    """The file of each table in an export.

    Raises:
        CallError: The folder or a file is missing, or a table is there twice.
    """
    if not folder.is_dir():
        raise CallError(f"DATA {folder} is not a folder")
    files: dict[str, Path] = {}
    missing = []
    for table in TABLES:
        found = [
            path for path in (folder / f"{table.name}{end}" for end in ENDINGS) if path.exists()
        ]
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            raise CallError(f"{folder} holds {names}: leave the one that counts")
        if found:
            files[table.name] = found[0]
        elif not table.is_optional:
            missing.append(table.name)
    if missing:
        names = ", ".join(f"{name}.csv or .parquet" for name in missing)
        others = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise CallError(f"{folder} misses {names}; it holds {others}")
    return files


def read_tables(con: Connection, files: dict[str, Path]) -> list[FileProblem]:
    """Makes, per table, `raw_<table>` (values as in the file) and `given_<table>` (typed).

    Both have `_row`, counted from 0 over the rows that could be read. `given_<table>` has NULL
    where a value is not of its type, and in `_unreadable` the bit of that column. Lines that are
    no row stand in `unreadable_lines`. A table whose file cannot be read has neither.
    """
    con.execute("""
        create temp table unreadable_lines (
            table_name varchar, line bigint, text varchar, reason varchar
        )
    """)
    problems = []
    for table in TABLES:
        path = files.get(table.name)
        if path is None:
            read_nothing(con, table)
            continue
        try:
            if path.suffix == ".csv":
                _read_csv(con, table, path)
            else:
                _read_parquet(con, table, path)
        except UnreadableFileError as error:
            problems += [FileProblem(table.name, path.name, *each) for each in error.problems]
        except OSError as error:
            reason = error.strerror or str(error)
            problems.append(FileProblem(table.name, path.name, "unreadable_file", reason))
    return problems


def unreadable_bit(table: Table, column: str) -> int:
    """The bit of `_unreadable` that says that a row's value of this column is not of its type."""
    return 1 << [each.name for each in table.columns].index(column)


def read_nothing(con: Connection, table: Table) -> None:
    """Makes the views of a table that has no rows, or none that could be read."""
    columns = ", ".join(f"cast(null as {column.type}) as {column.name}" for column in table.columns)
    for kind, more in (("raw", ""), ("given", ", 0 as _unreadable")):
        con.execute(
            f"create or replace temp view {kind}_{table.name} as"
            f" select 0 as _row, {columns}{more} limit 0"
        )


def _read_csv(con: Connection, table: Table, path: Path) -> None:
    header = read_header(path)
    _check_columns(table, header)
    rejects = f"rejected_{table.name}"
    try:
        lines = csv_relation(path, header, rejects=rejects)
        _keep_typed(con, table, _with_later_columns(table, header, lines), {})
    except DatabaseError as error:
        raise explain(path, error) from error
    row_count = scalar(con, f"select count(*) from typed_{table.name}")
    keep_unreadable_lines(con, path, table.name, header, row_count)
    con.execute(
        f"create temp view given_{table.name} as select rowid as _row, * from typed_{table.name}"
    )
    con.execute(
        f"create temp view raw_{table.name} as"
        " select row_number() over () - 1 as _row, *"
        f" from {_with_later_columns(table, header, csv_relation(path, header))}"
    )


def _read_parquet(con: Connection, table: Table, path: Path) -> None:
    relation = f"read_parquet({literal(path)}, file_row_number = true, hive_partitioning = false)"
    try:
        described = con.execute(f"describe select * from {relation}").fetchall()
        types = {name: str(kind) for name, kind, *_ in described if name != "file_row_number"}
        _check_columns(table, tuple(types))
        relation = _with_later_columns(table, tuple(types), relation)
        types = dict.fromkeys(_later_columns(table, tuple(types)), '"NULL"') | types
        types = _check_types(con, table, relation, types)
        raw = f"select file_row_number as _row, * exclude (file_row_number) from {relation}"
        con.execute(f"create temp view raw_{table.name} as {raw}")
        if all(types[column.name] in NATIVE[column.type] for column in table.columns):
            # read where it lies: it need not be copied to be checked, but it must be whole
            texts = [column.name for column in table.columns if column.type == TEXT]
            empty = "".join(f", bool_or({name} = '')" for name in texts)
            row = con.execute(f"select bit_xor(hash({', '.join(types)})){empty} from {relation}")
            _, *has_empty = row.fetchone() or ()
            found = zip(texts, has_empty, strict=True)
            types = types | {name: FULL_TEXT for name, is_there in found if not is_there}
            given = _typed_select(table, relation, types, "file_row_number as _row, ")
        else:
            _keep_typed(con, table, relation, types)
            given = f"select rowid as _row, * from typed_{table.name}"
        con.execute(f"create temp view given_{table.name} as {given}")
    except DatabaseError as error:
        reason = f"it cannot be read as Parquet: {str(error).splitlines()[0]}"
        raise UnreadableFileError(("unreadable_file", reason)) from error


def _keep_typed(con: Connection, table: Table, relation: str, types: dict[str, str]) -> None:
    con.execute(f"create table typed_{table.name} as {_typed_select(table, relation, types, '')}")


def _typed_select(table: Table, relation: str, types: dict[str, str], more: str) -> str:
    """Casts a file's columns; `types` are those of the file, text where it is silent."""
    values, bits = [], []
    for column in table.columns:
        value, is_lost = _typed_value(column, types.get(column.name, "text"))
        values.append(f"{value} as {column.name}")
        if is_lost:
            bit = unreadable_bit(table, column.name)
            bits.append(f"case when {is_lost} then {bit} else 0 end")
    unreadable = f"cast({' + '.join(bits) or '0'} as integer) as _unreadable"
    return f"select {more}{', '.join(values)}, {unreadable} from {relation} as raw"


def _typed_value(column: Column, kind: str) -> tuple[str, str]:
    """SQL of a column's value in the contract's type, and of whether the cast loses it."""
    raw = f'raw."{column.name}"'
    if column.type == TEXT:
        # an empty text counts as NULL: a CSV file has one form for both
        return raw if kind == FULL_TEXT else f"nullif(cast({raw} as varchar), '')", ""
    if kind == '"NULL"':
        return f"cast(null as {column.type})", ""
    if kind in NATIVE[column.type] and column.type != TIMESTAMP:
        return f"cast({raw} as {column.type})", ""
    if kind in NATIVE[column.type]:
        # a cast from a zoned timestamp to a plain one goes through the calendar: 20 times slower
        is_zoned = kind == "TIMESTAMP WITH TIME ZONE"
        value = f"make_timestamp(epoch_us({raw}))" if is_zoned else f"cast({raw} as timestamp)"
        first, last = (f"cast('{each}+00' as {kind})" for each in (FIRST_TIMESTAMP, LAST_TIMESTAMP))
        return value, f"not ({raw} is null or {raw} between {first} and {last})"
    text = f"nullif(cast({raw} as varchar), '')"
    matches = f"regexp_full_match({text}, {literal(PATTERN[column.type])})"
    value = f"case when {matches} then {CAST[column.type].format(text=text)} end"
    return value, f"{text} is not null and ({value}) is null"


def _check_columns(table: Table, header: tuple[str, ...]) -> None:
    """Refuses a missing, an extra and a repeated column; their order is free."""
    wanted = [column.name for column in table.columns]
    if not set(wanted) & {name.strip().lower() for name in header}:
        reason = f"the first row names none of the columns: {', '.join(wanted)}"
        raise UnreadableFileError(("no_header", reason))
    absent = [name for name in wanted if name not in header]
    missing = [
        ("missing_column", f"column {column.name} is missing" + _unless_known(column))
        for column in table.columns
        if column.name not in header and not column.since
    ]
    extra = [
        ("extra_column", f"column {name!r} is not in the contract: {_advice(name, absent)}")
        for name in header
        if name not in wanted
    ]
    repeated = [
        ("repeated_column", f"column {name} stands {header.count(name)} times")
        for name in wanted
        if header.count(name) > 1
    ]
    if missing or extra or repeated:
        raise UnreadableFileError(*missing, *extra, *repeated)


def _advice(name: str, absent: list[str]) -> str:
    close = get_close_matches(name.strip().lower(), absent, n=1)
    return f"rename it {close[0]}, or leave it out" if close else "leave it out"


def _later_columns(table: Table, header: tuple[str, ...]) -> list[str]:
    """The columns that a file lacks because they came into the contract after it."""
    return [each.name for each in table.columns if each.since and each.name not in header]


def _with_later_columns(table: Table, header: tuple[str, ...], relation: str) -> str:
    """A file's relation with the columns that came later, which are NULL in all its rows."""
    later = [f', cast(null as varchar) as "{name}"' for name in _later_columns(table, header)]
    return f"(select *{''.join(later)} from {relation})" if later else relation


def _unless_known(column: Column) -> str:
    return ": where nothing is known, add it with empty values" if column.optional else ""


def _check_types(
    con: Connection, table: Table, relation: str, types: dict[str, str]
) -> dict[str, str]:
    """Refuses Parquet types that cannot hold the contract's values; none is needed for no value."""
    problems = []
    for column in table.columns:
        kind = types[column.name]
        if kind in NATIVE[column.type] or kind.startswith(THROUGH_TEXT[column.type]):
            continue
        if scalar(con, f'select count("{column.name}") from {relation}') == 0:
            types = {**types, column.name: '"NULL"'}
            continue
        advice = (
            "a float cannot hold it exactly: cast it in the export"
            if kind in ("FLOAT", "DOUBLE")
            else "cast it in the export"
        )
        reason = f"column {column.name} is {kind}, not {column.type}: {advice}"
        problems.append(("wrong_column_type", reason))
    if problems:
        raise UnreadableFileError(*problems)
    return types
