"""Starts a new build: an empty database with the history of the published one.

`python -m pipeline.build --warehouse DIR`
"""

import argparse
import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.database import Connection, DatabaseError, connect, literal, scalar
from pipeline.errors import DONE, CallError
from pipeline.paths import Paths, log_of
from pipeline.screen import show

HISTORY_SCHEMAS = ("ml", "quality")
QUARANTINED_ROWS = """
    create table if not exists quality.quarantined_rows (
        run_id varchar,
        table_name varchar,
        row_key varchar,
        rule varchar,
        reason varchar,
        source varchar,
        row_json varchar,
        quarantined_at timestamp
    )"""


class Platform(NamedTuple):
    """How the landed projects differ from the published ones.

    Attributes:
        contradicting: Published projects that have another creator or launch now.
        missing: Published projects that are not in the landed data.
        example: Ids of the first of either.
        is_another: Whether a new history begins: at least half of the published projects that are
            landed contradict, or none is landed.
    """

    contradicting: int = 0
    missing: int = 0
    example: tuple[int, ...] = ()
    is_another: bool = False


def main() -> int:
    """Starts a build from the command line and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.build", description=__doc__)
    parser.add_argument("--warehouse", required=True, help="folder of the warehouse")
    options = parser.parse_args()
    try:
        platform = start(Paths.at(options.warehouse, ""))
    except CallError as error:
        print(f"build      {error}", file=sys.stderr)
        return error.code
    if lines := _about(platform):
        show("build", *lines)
    return DONE


def start(paths: Paths) -> Platform:
    """Puts a new build database in place of whatever an earlier run left.

    History belongs to one platform: it is carried over unless at least half of the published
    projects contradict the landed ones, or none of them is landed. Then the build begins without;
    publishing keeps the old file under a dated name.

    Raises:
        CallError: Nothing is landed, or the published file cannot be read.
    """
    try:
        landed = json.loads((paths.landed / "landed.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CallError(f"{paths.landed} holds no complete landing: make land") from error
    aside = paths.build.with_name("new.duckdb")
    aside.unlink(missing_ok=True)
    platform = Platform()
    with closing(connect(aside)) as con:
        has_history = paths.published.exists()
        if has_history:
            _attach_published(con, paths.published)
            platform = _compare(con, landed["tables"]["projects"])
            has_history = not platform.is_another
        for schema in HISTORY_SCHEMAS:
            con.execute(f"create schema {schema}")
        if has_history:
            _carry_over(con)
        con.execute(QUARANTINED_ROWS)
        _add_quarantined(con, paths.landed / "quarantined_rows.parquet", landed)
        con.execute("checkpoint")
    paths.another_platform.unlink(missing_ok=True)
    if platform.is_another:
        paths.another_platform.touch()
    # the log of a build that was killed would be replayed into the new one
    log_of(paths.build).unlink(missing_ok=True)
    os.replace(aside, paths.build)
    return platform


def _attach_published(con: Connection, published: Path) -> None:
    try:
        con.execute(f"attach {literal(published)} as published (read_only)")
    except DatabaseError as error:
        what, reason = "cannot be read, so its history cannot be carried over", str(error)
        remedy = "put a backup in its place, or move it away to begin a new history"
        if "Conflicting lock" in reason:  # the file is sound
            what = "is open for writing in another program"
            remedy = "close it there, or open it read-only"
        raise CallError(
            f"{published} {what}: {remedy}; nothing was changed ({reason.splitlines()[0]})"
        ) from error


def _compare(con: Connection, projects: str) -> Platform:
    """Holds the published projects against the landed ones."""
    known = scalar(
        con,
        """
        select count(*) from duckdb_tables()
        where database_name = 'published' and schema_name = 'core' and table_name = 'dim_projects'
        """,
    )
    if not known:
        return Platform()
    reader = "read_parquet" if projects.endswith(".parquet") else "read_csv"
    options = "" if projects.endswith(".parquet") else ", all_varchar = true, parallel = false"
    row = con.execute(f"""
        with

        projects as (
            select
                cast(project_id as bigint) as project_id,
                cast(creator_id as bigint) as creator_id,
                cast(launched_at as timestamp) as launched_at
            from {reader}({literal(projects)}{options})
        ),

        compared as (
            select
                before.project_id,
                projects.project_id is null as is_missing,
                before.creator_id <> projects.creator_id
                    or before.launched_at <> projects.launched_at as is_contradicting
            from published.core.dim_projects as before
            left join projects on projects.project_id = before.project_id
        )

        select
            count(*) filter (where is_contradicting),
            count(*) filter (where is_missing),
            count(*),
            min(project_id, 5) filter (where is_contradicting),
            min(project_id, 5) filter (where is_missing)
        from compared
    """).fetchone()
    contradicting, missing, count, first_contradicting, first_missing = row or (0, 0, 0, [], [])
    example = first_contradicting if contradicting else first_missing
    is_another = count > 0 and 2 * contradicting >= count - missing
    return Platform(contradicting, missing, tuple(example or ()), is_another)


def _carry_over(con: Connection) -> None:
    """Copies the append-only history of the published file."""
    tables = con.execute(
        """
        select schema_name, table_name, sql from duckdb_tables()
        where database_name = 'published' and list_contains($1, schema_name)
        order by all
        """,
        [list(HISTORY_SCHEMAS)],
    ).fetchall()
    for schema, name, definition in tables:
        con.execute(definition)
        con.execute(f'insert into {schema}."{name}" from published.{schema}."{name}"')


def _add_quarantined(con: Connection, rows: Path, landed: dict[str, Any]) -> None:
    """Adds the rows that landing left out, under the run that landed them."""
    # a landing that is built from again has been published with an earlier build
    con.execute("delete from quality.quarantined_rows where run_id = $1", [landed["run_id"]])
    con.execute(
        f"""
        insert into quality.quarantined_rows by name
        select
            $1 as run_id,
            table_name,
            row_key,
            rule,
            reason,
            source,
            row_json,
            cast($2 as timestamp) as quarantined_at
        from read_parquet({literal(rows)})
        """,
        [landed["run_id"], landed["landed_at"]],
    )


def _about(platform: Platform) -> list[str]:
    examples = ", ".join(str(each) for each in platform.example)
    changed = f"{_published(platform.contradicting)} another creator or launch now ({examples})"
    none_left = f"none of the published projects is in these data ({examples})"
    if platform.is_another:
        return [
            f"this counts as another platform: {changed if platform.contradicting else none_left}",
            "a new history begins; publish keeps the old warehouse under a dated name",
        ]
    if platform.contradicting:
        return [f"warning: {changed}; the history stays"]
    if platform.missing:
        return [
            f"warning: {platform.missing:,} published projects are not in these data"
            f" ({examples}); their history stays"
        ]
    return []


def _published(count: int) -> str:
    return "1 published project has" if count == 1 else f"{count:,} published projects have"


if __name__ == "__main__":
    sys.exit(main())
