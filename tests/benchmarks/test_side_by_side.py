"""The comparison by hand counts what differs, a row that comes twice included."""

from pathlib import Path

import duckdb
import pytest

from tests.benchmarks.side_by_side import FORMULAS, MART, differing


@pytest.mark.parametrize(
    ("made", "cells"),
    [
        ("from mart", 0),
        ("from mart where project_id < 2", len(FORMULAS) + 1),
        ("from mart union all from mart where project_id = 2", 1),
        ("select * replace (if(project_id = 2, 7, pledge_count) as pledge_count) from mart", 1),
    ],
)
def test_what_differs_is_counted(tmp_path: Path, made: str, cells: int) -> None:
    published(tmp_path / "build", made)
    (tmp_path / "build/made.parquet").rename(tmp_path / "made.parquet")
    assert differing("pandas", tmp_path, tmp_path) == cells


def test_what_the_compiled_sql_makes_is_compared_as_well(tmp_path: Path) -> None:
    published(tmp_path / "build", "from mart")
    published(tmp_path / "out", "from mart")
    assert differing("features", tmp_path, tmp_path / "out") == 0
    with duckdb.connect(str(tmp_path / "out/escrow.duckdb")) as connection:
        connection.execute(f"update {MART} set pledge_count = 7 where project_id = 2")
    assert differing("features", tmp_path, tmp_path / "out") == 1


def published(folder: Path, made: str) -> None:
    """Writes a small mart, and beside it what a script makes of it."""
    folder.mkdir()
    columns = ", ".join(f'place as "{name}"' for name in FORMULAS)
    with duckdb.connect(str(folder / "escrow.duckdb")) as connection:
        connection.execute("create schema features")
        connection.execute(f"create table {MART} as select {columns} from range(3) as t(place)")
        connection.execute(f"create view mart as from {MART}")
        connection.execute(f"copy ({made}) to '{folder}/made.parquet'")
