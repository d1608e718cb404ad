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
    (tmp_path / "build").mkdir()
    columns = ", ".join(f'place as "{name}"' for name in FORMULAS)
    with duckdb.connect(str(tmp_path / "build/escrow.duckdb")) as connection:
        connection.execute("create schema features")
        connection.execute(f"create table {MART} as select {columns} from range(3) as t(place)")
        connection.execute(f"create view mart as from {MART}")
        connection.execute(f"copy ({made}) to '{tmp_path}/made.parquet'")
    assert differing(tmp_path, tmp_path) == cells
