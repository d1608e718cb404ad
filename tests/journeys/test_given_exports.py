"""The real exports in the folder EXPORTS, each taken to its pages: no row is lost, and no cent."""

import csv
import os
from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.export import COLUMNS
from tests.journeys.clone import Clone, needs_make
from tests.journeys.warehouses import Warehouse, is_conserved

pytestmark = [pytest.mark.journey, needs_make]
FOLDER = Path(os.environ.get("EXPORTS") or os.devnull).resolve()
EXPORTS = sorted(each for each in FOLDER.glob("*") if each.is_dir()) if FOLDER.is_dir() else []


def row_count(path: Path) -> int:
    """The number of rows in a raw file."""
    if path.suffix == ".parquet":
        ((count,),) = duckdb.execute(
            "select count(*) from read_parquet($1)", [str(path)]
        ).fetchall()
        return int(count)
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1


@pytest.mark.parametrize("data", EXPORTS, ids=lambda folder: folder.name)
def test_export_is_published_to_the_last_row(data: Path, tmp_path: Path) -> None:
    warehouse = Warehouse(Clone(tmp_path), "given")
    settings = (f"DATA={data}", "ON_BAD_ROWS=quarantine")
    code, output = warehouse.make("run", *settings)
    assert code == 0, output
    for table in COLUMNS:
        given = sum(row_count(path) for path in data.glob(f"{table}.*"))
        ((accepted, quarantined),) = warehouse.ask(
            f"select (select count(*) from raw.{table}), count(*) from quality.quarantined_rows"
            f" where table_name = '{table}'"
        )
        assert accepted + quarantined == given, table
    assert is_conserved(warehouse)
    assert "</html>" in warehouse.page("index.html")
    assert "nothing has changed" in warehouse.make("run", *settings)[1]
