"""An export is the table to the last cent, or nothing."""

import csv
import json
import os
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipeline import export
from pipeline.errors import CallError
from pipeline.paths import Paths

AMOUNT = Decimal("9007199254740993.07")  # no double is equal to it
TITLE = 'a "quoted", title\nof two lines'


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A published warehouse with one table, in the current folder."""
    monkeypatch.chdir(tmp_path)
    paths = Paths.at("warehouse", "site")
    paths.root.mkdir()
    with duckdb.connect(str(paths.published)) as con:
        con.execute("create schema core; create schema insights")
        con.execute(
            "create table core.balances"
            " (id bigint, title varchar, amount decimal(18, 2), made_at timestamp)"
        )
        con.execute(
            "insert into core.balances values (1, $1, $2, '2024-01-01 00:00:00.000001'),"
            " (2, '', null, null)",
            [TITLE, AMOUNT],
        )
        con.execute("create table insights.outlook as select 1 as i")
        con.execute("create view insights.balances as from core.balances")
    return paths


def test_csv_is_the_default_and_has_a_default_name(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    export.export(paths, "core.balances", "", "")
    with Path("exports/core.balances.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["id", "title", "amount", "made_at"],
        ["1", TITLE, str(AMOUNT), "2024-01-01 00:00:00.000001"],
        ["2", "", "", ""],
    ]
    assert capsys.readouterr().out.startswith("export     core.balances: 2 rows (")


def test_json_is_one_array_with_exact_decimals(paths: Paths) -> None:
    export.export(paths, "core.balances", "json", "deep/er/all.json")
    text = Path("deep/er/all.json").read_text(encoding="utf-8")
    first, second = json.loads(text, parse_float=Decimal)
    assert first["amount"] == AMOUNT
    assert first["title"] == TITLE
    assert second == {"id": 2, "title": "", "amount": None, "made_at": None}


def test_the_ending_of_the_file_says_the_format_and_types_are_kept(paths: Paths) -> None:
    export.export(paths, "insights.balances", "", "all.parquet")
    relation = duckdb.sql("from 'all.parquet'")
    assert [str(each) for each in relation.types] == [
        "BIGINT",
        "VARCHAR",
        "DECIMAL(18,2)",
        "TIMESTAMP",
    ]
    assert relation.fetchall()[0][2] == AMOUNT


@pytest.mark.parametrize(
    ("table", "kind", "file", "message"),
    [
        ("core.balances", "xlsx", "", "FORMAT=xlsx is none of csv, parquet, json"),
        ("core.balance", "csv", "", "no published table; is it core.balances?"),
        ("balances", "csv", "", "no published table; is it core.balances or insights.balances?"),
        ("core.balances; drop", "csv", "", "is no published table"),
        ("zzz", "csv", "", "no published table; make query SQL='show all tables'"),
        ("core.balances", "csv", "warehouse/escrow.duckdb", "lies in the warehouse"),
        ("core.balances", "csv", "warehouse", "is a folder"),
        ("core.balances", "csv", "/proc/none.csv", "nothing was written"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(
    paths: Paths, table: str, kind: str, file: str, message: str
) -> None:
    with pytest.raises(CallError) as refused:
        export.export(paths, table, kind, file)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sorted(each.name for each in Path.cwd().iterdir()) == ["warehouse"]


def test_an_export_that_fails_half_way_leaves_the_file_of_before(paths: Paths) -> None:
    with duckdb.connect(str(paths.published)) as con:
        con.execute(
            "create view core.failing as from range(400000) as made (i)"
            " where i < 300000 or error('bad')"
        )
    target = Path("exports/core.failing.csv")
    target.parent.mkdir()
    target.write_text("of before")
    with pytest.raises(CallError, match="bad; nothing was written"):
        export.export(paths, "core.failing", "csv", "")
    assert target.read_text() == "of before"
    assert list(target.parent.iterdir()) == [target]


def test_what_is_no_file_is_left_alone_and_links_are_followed(paths: Paths, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CallError, match="OUT=pipe is no file: for the screen, make query"):
        export.export(paths, "core.balances", "csv", "pipe")
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "target.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("target.csv")
    export.export(paths, "core.balances", "csv", "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "target.csv").read_text() != "old"
