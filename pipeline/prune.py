"""Removes model files that nothing reads any more: `python -m pipeline.prune WAREHOUSE DAYS`.

Only what the published history names is looked at. What was decided upon for an `as_of` of the last
DAYS, or later, stays, as does what serves, and what served before, with which it was compared.
"""

import re
import shutil
import sys
from contextlib import closing
from pathlib import Path

from pipeline.child import machine_reason
from pipeline.database import DatabaseError, connect
from pipeline.errors import DONE, CallError
from pipeline.lock import locked
from pipeline.paths import Paths
from pipeline.screen import show

_FILES = """
    with

    named as (
        select model_name, artifact_path, as_of, is_champion from ml.model_runs
        where status = 'trained'
        union all
        select 'final_amount', artifact_path, as_of, true from ml.final_amount_runs
        where status = 'trained'
    ),

    built as (
        select as_of from core.warehouse_as_of
    ),

    serving as (
        select
            named.model_name,
            max(named.as_of) as as_of,
            max(named.as_of) filter (where named.as_of < built.as_of) as before_as_of
        from named
        inner join built on named.as_of <= built.as_of
        where named.is_champion
        group by named.model_name
    )

    select
        named.artifact_path,
        bool_or(
            named.as_of >= built.as_of - to_days($days)
            or (named.is_champion and named.as_of in (serving.as_of, serving.before_as_of))
        ) as stays
    from named
    cross join built
    left join serving on named.model_name = serving.model_name
    where named.artifact_path is not null  -- of a version that did not record it
    group by named.artifact_path
    order by named.artifact_path"""


def main() -> int:
    """Prunes from the command line and returns the exit code."""
    warehouse, days = sys.argv[1:]
    try:
        prune(Paths.at(warehouse, ""), days)
    except CallError as error:
        print(f"{'prune':<10} {error}", file=sys.stderr)
        return error.code
    return DONE


def prune(paths: Paths, days: str) -> None:
    """Removes the folders of model versions that were last decided upon more than so many days ago.

    Raises:
        CallError: That is no number of days, nothing is published, a run writes the warehouse or
            has left a build in hand, which may read any version, or a folder cannot be removed.
    """
    if not re.fullmatch("[1-9][0-9]{0,4}", days):
        raise CallError(f"KEEP_DAYS={days} is no number of days from 1 to 99999")
    if not paths.published.exists():
        raise CallError(f"nothing is published yet in {paths.published}; make run")
    with locked(paths.root):
        if paths.build.exists():
            raise CallError("a build is in hand that is not published: make run first")
        try:
            with closing(connect(paths.published, read_only=True)) as con:
                files = con.execute(_FILES, {"days": int(days)}).fetchall()
            gone = [folder for file, stays in files if not stays and (folder := _of(paths, file))]
            size = sum(each.stat().st_size for folder in gone for each in folder.iterdir())
            for folder in gone:
                shutil.rmtree(folder)
        except (DatabaseError, OSError) as error:
            raise CallError(machine_reason(error) or str(error).splitlines()[0]) from error
    kept = sum(stays for _, stays in files)
    show(
        "prune",
        f"{len(gone)} model versions removed ({size / 1e6:.1f} MB), {kept} stay -> {paths.models}",
    )


def _of(paths: Paths, file: str) -> Path | None:
    """The folder of a model file, if it is there and lies where model files do."""
    folder = (paths.root / file).parent
    return folder if folder.is_dir() and folder.parent.parent == paths.models else None


if __name__ == "__main__":
    sys.exit(main())
