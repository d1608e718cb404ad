"""Says what the build in hand changes against what is published: `python -m pipeline.diff DIR`.

A build is in hand from `make features` until it is published. Rows are matched by the columns that
dbt's tests prove to be unique.
"""

import signal
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from pipeline import manifest
from pipeline.database import Connection, DatabaseError, connect, literal, scalar
from pipeline.errors import DONE, CallError, PipelineError
from pipeline.lock import locked
from pipeline.paths import Paths
from pipeline.screen import WIDTH, show
from pipeline.state import State

SCHEMAS = ("core", "features", "insights")
NAME_WIDTH, NUMBER_WIDTH = 33, 11

Types = dict[str, str]  # of columns by name


class Change(NamedTuple):
    """What differs in one table.

    Attributes:
        table: Its name, as schema.table.
        rows: Its rows in the build; None if it is gone.
        added: Rows that are new.
        removed: Rows that are gone.
        changed: Rows with other values under the same key; None if they have no key.
        columns: Changed rows by column.
        notes: What differs in its columns, and what else a reader must know.
    """

    table: str
    rows: int | None
    added: int = 0
    removed: int = 0
    changed: int | None = 0
    columns: Mapping[str, int] = {}
    notes: tuple[str, ...] = ()

    @property
    def is_one(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.removed or self.changed or self.notes)


def main() -> int:
    """Prints the differences and returns the exit code."""
    [warehouse] = sys.argv[1:]
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # make diff | head
    try:
        print_diff(Paths.at(warehouse, ""))
    except (PipelineError, DatabaseError) as error:
        print(f"{'diff':<10} {str(error).splitlines()[0]}", file=sys.stderr)
        return CallError.code
    return DONE


def print_diff(paths: Paths) -> None:
    """Compares the build with the published file; no run may begin meanwhile.

    Raises:
        CallError: Nothing is published, the build is not whole, or a run is going on.
    """
    if not paths.published.exists():
        raise CallError(f"nothing is published yet in {paths.published}; make run")
    with locked(paths.root):
        state = State(paths)
        if state.database.is_published or not paths.build.exists():
            show("diff", "there is no build in hand: the last one is published; make features")
            return
        if not state.holds_database():
            raise CallError("the build in hand is not whole, a run was ended; make features")
        done = state.database.stages
        with closing(connect(paths.build, read_only=True)) as con:
            con.execute(f"attach {literal(paths.published)} as published (read_only)")
            show("diff", f"build {_as_of(con, 'escrow')}, published {_as_of(con, 'published')}")
            if paths.another_platform.exists():
                show(
                    "",
                    "the build counts as another platform: half of the published projects or more"
                    " have another creator or launch in it, or none is there; it begins a new"
                    " history, and publish keeps the old file",
                )
            if "features" not in done:
                show("", "features refused this build: a table that was not built is shown as gone")
            schemas = SCHEMAS if "insights" in done else SCHEMAS[:2]
            keys = manifest.keys(paths.dbt_target / "manifest.json")
            _print(list(compare(con, schemas, keys)))
            if "insights" not in done:
                show("", "insights are not built yet: make insights")
            show("", "ml and quality are left out: histories, to which each run adds")


def compare(
    con: Connection, schemas: tuple[str, ...], keys: Mapping[str, tuple[str, ...]]
) -> Iterator[Change]:
    """Compares the tables of schemas, in the order of their names.

    Args:
        con: The build; the published file is attached to it as `published`.
        schemas: Whose tables are compared.
        keys: The key columns by table.
    """
    before, after = (_types(con, catalog, schemas) for catalog in ("published", "escrow"))
    for table in sorted(before | after):
        if table not in after:
            count = scalar(con, f"select count(*) from published.{table}")
            yield Change(table, None, removed=count, notes=("table is gone",))
        elif table not in before:
            count = scalar(con, f"select count(*) from escrow.{table}")
            yield Change(table, count, added=count, notes=("new table",))
        else:
            yield _compare(con, table, before[table], after[table], keys.get(table, ()))


def _as_of(con: Connection, catalog: str) -> str:
    try:
        return f"as of {scalar(con, f'from {catalog}.core.warehouse_as_of'):%d %b %Y, %H:%M:%S} UTC"
    except DatabaseError:  # refused before it was built
        return "of an unknown timestamp"


def _types(con: Connection, catalog: str, schemas: tuple[str, ...]) -> dict[str, Types]:
    rows = con.execute(
        """
        select schema_name || '.' || table_name, column_name, lower(data_type) from duckdb_columns()
        where database_name = $1 and list_contains($2, schema_name)
        order by column_index
        """,
        [catalog, list(schemas)],
    ).fetchall()
    types: dict[str, Types] = {}
    for table, column, data_type in rows:
        types.setdefault(table, {})[column] = data_type
    return types


def _compare(
    con: Connection, table: str, before: Types, after: Types, key: tuple[str, ...]
) -> Change:
    notes = (
        *(f"new column {name} {after[name]}" for name in after if name not in before),
        *(f"column {name} is gone" for name in before if name not in after),
        *(
            f"type of {name}: {before[name]} -> {after[name]}"
            for name in after
            if name in before and before[name] != after[name]
        ),
    )
    same = [name for name in after if before.get(name) == after[name]]
    if key and set(key) <= set(same):
        change = _by_key(con, table, key, [name for name in same if name not in key])
        if change:
            return change._replace(notes=notes)
    change = _by_row(con, table, same)
    if change.is_one or notes:
        notes = (*notes, "no key in both: compared as whole rows")
    return change._replace(notes=notes)


def _by_key(con: Connection, table: str, key: tuple[str, ...], others: list[str]) -> Change | None:
    """Matches rows by their key; None if it is not unique."""
    is_same = " and ".join(f'before."{name}" is not distinct from after."{name}"' for name in key)
    differ = [f'before."{name}" is distinct from after."{name}"' for name in others]
    both = "before.is_there and after.is_there"
    counted = ["before.is_there is null", "after.is_there is null"]
    counted += [f"{both} and ({' or '.join(differ) or 'false'})"]
    counted += [f"{both} and {each}" for each in differ]
    counts = ", ".join(f"count(*) filter (where {condition})" for condition in counted)
    row = con.execute(f"""
        select
            (select count(*) from published.{table}), (select count(*) from escrow.{table}),
            count(*), {counts}
        from (select *, true as is_there from published.{table}) as before
        full join (select *, true as is_there from escrow.{table}) as after on {is_same}
    """).fetchone()
    assert row  # an aggregate has one
    before, after, matched, added, removed, changed, *columns = row
    if (before + added, after + removed) != (matched, matched):
        return None
    found = {name: count for name, count in zip(others, columns, strict=True) if count}
    return Change(table, after, added, removed, changed, found)


def _by_row(con: Connection, table: str, columns: list[str]) -> Change:
    """Counts the rows that only one side has, by the columns that both have."""
    names = ", ".join(f'"{name}"' for name in columns) or "1"
    before, after = (
        f"select {names} from {catalog}.{table}" for catalog in ("published", "escrow")
    )
    rows, added, removed = (
        scalar(con, f"select count(*) from ({query})")
        for query in (after, f"{after} except all {before}", f"{before} except all {after}")
    )
    return Change(table, rows, added, removed, None)


def _print(changes: list[Change]) -> None:
    """Prints a table of what differs, a line for all that does not."""
    differing = [each for each in changes if each.is_one]
    if differing:
        print(_line("table", "rows", "added", "removed", "changed", "columns of changed rows"))
    for each in differing:
        columns = sorted(each.columns.items(), key=lambda item: (-item[1], item[0]))
        # a column stays on one line with its count
        counted = (f"{name}\xa0{count:,}" for name, count in columns)
        text = ", ".join((*each.notes, *counted))
        numbers = (each.rows, each.added, each.removed, each.changed)
        shown = ("-" if number is None else f"{number:,}" for number in numbers)
        width = WIDTH - NAME_WIDTH - 4 * NUMBER_WIDTH - 2
        wrapped = textwrap.wrap(text, width, break_on_hyphens=False)
        first, *rest = (part.replace("\xa0", " ") for part in wrapped or [""])
        print(_line(each.table, *shown, first))
        for part in rest:
            print(_line("", "", "", "", "", part))
    same = len(changes) - len(differing)
    show("", f"{same} of {len(changes)} tables without a difference")


def _line(table: str, *cells: str) -> str:
    *numbers, text = cells
    cells_text = "".join(f"{each:>{NUMBER_WIDTH}}" for each in numbers)
    return f"{table:<{NAME_WIDTH}}{cells_text}  {text}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
