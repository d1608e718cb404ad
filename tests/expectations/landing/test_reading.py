"""Columns that came into the contract later: an export of before stays valid."""

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from expectations.landing import reading
from expectations.landing.contract import INTEGER, TABLE, TEXT, TIMESTAMP, Column
from tests.expectations.landing.landing_world import world, write

LATER = (
    Column("note", TEXT, "Words about it; empty when there are none.", True, since="2027-01"),
    Column("size", INTEGER, "How many belong to it; empty when unknown.", True, since="2027-01"),
    Column("seen_at", TIMESTAMP, "When it was seen (UTC); empty if never.", True, since="2027-02"),
)


def files(folder: Path, ending: str, **more: str) -> dict[str, Path]:
    """The file of the backers, with more columns."""
    tables = world()
    for row in tables["backers"]:
        row.update(more)
    path = write(folder, tables) / "backers.csv"
    if ending == "parquet":
        aside = path.with_suffix(".parquet")
        columns = "* replace (backer_id::bigint as backer_id)"
        duckdb.execute(
            f"copy (select {columns} from read_csv('{path}', all_varchar = true)) to '{aside}'"
        )
        path = aside
    return {"backers": path}


@pytest.fixture
def backers(monkeypatch: pytest.MonkeyPatch) -> None:
    table = replace(TABLE["backers"], columns=(*TABLE["backers"].columns, *LATER))
    monkeypatch.setattr(reading, "TABLES", (table,))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, (None, None, None)),
        ({"note": "new"}, ("new", None, None)),
        ({"size": "4", "note": ""}, (None, 4, None)),
    ],
)
def test_a_later_column_that_is_absent_is_null(
    backers: None,
    tmp_path: Path,
    ending: str,
    more: dict[str, str],
    expected: tuple[object, ...],
) -> None:
    with duckdb.connect() as con:
        assert reading.read_tables(con, files(tmp_path / "data", ending, **more)) == []
        names = "note, size, seen_at"
        found = con.execute(f"select {names} from given_backers order by backer_id").fetchall()
        assert found == [expected] * 3
        [(raw,)] = con.execute(f"select count(*) from (select {names} from raw_backers)").fetchall()
        assert raw == 3
        assert con.execute("select sum(_unreadable) from given_backers").fetchall() == [(0,)]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_later_column_with_values_is_read_by_the_same_rules(
    backers: None, tmp_path: Path, ending: str
) -> None:
    with duckdb.connect() as con:
        assert reading.read_tables(con, files(tmp_path / "data", ending, size="many")) == []
        found = con.execute("select size, _unreadable from given_backers").fetchall()
        assert found == [(None, reading.unreadable_bit(reading.TABLES[0], "size"))] * 3


def test_an_older_column_must_be_there(backers: None, tmp_path: Path) -> None:
    given = files(tmp_path / "data", "csv")
    text = given["backers"].read_text().replace("country", "land")
    given["backers"].write_text(text)
    with duckdb.connect() as con:
        problems = reading.read_tables(con, given)
    assert [each.rule for each in problems] == ["missing_column", "extra_column"]


def test_what_rows_must_have_cannot_come_later() -> None:
    with pytest.raises(ValueError, match=r"size: what came later \(since\) must be optional"):
        Column("size", INTEGER, "How many belong to it.", since="2027-01")
