"""Writes a published table to a file: `python -m pipeline.export WAREHOUSE TABLE FORMAT FILE`.

An empty format is the ending of the file's name, or csv; an empty file is `exports/TABLE.FORMAT`.
"""

import difflib
import os
import sys
import time
from contextlib import closing
from pathlib import Path

from pipeline.child import machine_reason
from pipeline.database import Connection, DatabaseError, connect, literal, scalar
from pipeline.errors import DONE, CallError
from pipeline.paths import Paths
from pipeline.screen import short, show

FORMATS = {
    "csv": "format csv, header",
    "parquet": "format parquet, compression zstd",
    "json": "format json, array",
}
FOLDER = Path("exports")


def main() -> int:
    """Exports from the command line and returns the exit code."""
    warehouse, table, kind, file = sys.argv[1:]
    try:
        export(Paths.at(warehouse, ""), table, kind, file)
    except CallError as error:
        print(f"{'export':<10} {error}", file=sys.stderr)
        return error.code
    return DONE


def export(paths: Paths, table: str, kind: str, file: str) -> None:
    """Writes a table aside and moves it into place: there is never half a file.

    Raises:
        CallError: There is no such format or table, or the file cannot be written.
    """
    started = time.perf_counter()
    kind = kind or (ending if (ending := Path(file).suffix[1:]) in FORMATS else "csv")
    if kind not in FORMATS:
        raise CallError(f"FORMAT={kind} is none of {', '.join(FORMATS)}")
    # what a link points to is written, never the link itself
    target = (Path(file) if file else FOLDER / f"{table}.{kind}").resolve()
    if target.is_dir():
        raise CallError(f"OUT={file} is a folder; name a file in it")
    if target.exists() and not target.is_file():
        raise CallError(f"OUT={file} is no file: for the screen, make query FORMAT={kind}")
    if target.is_relative_to(paths.root):
        raise CallError(f"OUT={file} lies in the warehouse, which only runs write")
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with closing(connect(paths.published, read_only=True)) as con:
            source = _source(con, table)
            target.parent.mkdir(parents=True, exist_ok=True)
            count = scalar(con, f"copy (from {source}) to {literal(aside)} ({FORMATS[kind]})")
        os.replace(aside, target)
    except (DatabaseError, OSError) as error:
        reason = machine_reason(error) or str(error).splitlines()[0]
        raise CallError(f"{target}: {reason}; nothing was written") from error
    finally:
        aside.unlink(missing_ok=True)
    seconds = time.perf_counter() - started
    show("export", f"{table}: {count:,} rows ({seconds:.1f} s) -> {short(target)}")


def _source(con: Connection, table: str) -> str:
    """The table to copy from: a view is computed first.

    DuckDB 2.0.0 may wait forever when the query of a `copy` fails, and only a view's can.

    Raises:
        CallError: There is no such table; those whose names are like it are named.
    """
    rows = con.execute(
        "select table_schema || '.' || table_name, table_type = 'VIEW'"
        " from information_schema.tables where table_catalog = current_database() order by 1"
    ).fetchall()
    is_view = dict(rows)
    if table not in is_view:
        raise CallError(f"TABLE={table} is no published table{_hint(table, list(is_view))}")
    if not is_view[table]:
        return table
    con.execute(f"create temp table exported as from {table}")
    return "exported"


def _hint(table: str, names: list[str]) -> str:
    wanted = table.rpartition(".")[2]
    near = [name for name in names if name.partition(".")[2] == wanted]
    near += difflib.get_close_matches(table, names, n=3)
    if not near:
        return "; make query SQL='show all tables'"
    return f"; is it {' or '.join(dict.fromkeys(near))}?"


if __name__ == "__main__":
    sys.exit(main())
