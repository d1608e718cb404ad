"""A landing as a whole: what it writes, and that it is all or nothing."""

import json
import shutil
import signal
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from expectations.landing import stage as land
from expectations.landing import writing
from expectations.landing.contract import TABLE, TABLES
from expectations.landing.rows import RowChecker
from tests import killed
from tests.conftest import SILENTLY, Workshop
from tests.expectations.landing.landing_world import (
    TEXT,
    LandingBench,
    like,
    listed,
    row,
    to_parquet,
    world,
    write,
)


def in_parquet(bench: LandingBench) -> list[str]:
    """The tables that were too large to be seeds."""
    files = listed(bench)["tables"].items()
    assert all(Path(file).is_file() for _, file in files)
    return [name for name, file in files if file.endswith(".parquet")]


def properties(bench: LandingBench) -> dict[str, list[dict[str, object]]]:
    """What a landing tells dbt; JSON is YAML."""
    lines = (bench.seeds / "raw.yml").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#")
    loaded: dict[str, list[dict[str, object]]] = json.loads("\n".join(lines[1:]))
    return loaded


def test_small_tables_become_seeds(bench: LandingBench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.land() == 0
    assert {path.name for path in bench.seeds.iterdir()} == {
        "raw.yml",
        "landing.csv",
        *(f"{table}.csv" for table in TEXT),
    }
    assert (bench.seeds / "pledges.csv").read_text().splitlines()[:2] == [
        "pledge_id,project_id,backer_id,amount,pledged_at",
        "1,101,11,60.00,2024-01-01 00:00:00",
    ]
    assert in_parquet(bench) == []
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("land       7 tables, 23 rows accepted, 0 quarantined (")
    assert " ".join(printed[:-1]).split()[-2:] == ["->", str(bench.seeds.parent)]
    assert printed[-1] == "           as of 14 Mar 2024, 00:00 UTC"


def test_large_tables_become_parquet_and_back(
    bench: LandingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.land() == 0
    monkeypatch.setattr(writing, "SEED_ROWS", 3)
    assert bench.land() == 0
    assert in_parquet(bench) == ["pledges", "milestones"]
    assert not (bench.seeds / "pledges.csv").exists()
    (source,) = properties(bench)["sources"]
    assert (source["name"], source["schema"]) == ("raw", "raw")
    tables = source["tables"]
    assert isinstance(tables, list)
    for table in tables:
        path = Path(table["config"]["meta"]["external_location"])
        assert path.is_absolute()
        assert path.parent.parent == bench.warehouse / "raw"
        columns = duckdb.execute(f"describe from '{path}'").fetchall()
        assert [each["name"] for each in table["columns"]] == [name for name, *_ in columns]
    assert duckdb.execute(f"from '{bench.warehouse}/raw/*/pledges.parquet' limit 1").fetchall() == [
        (1, 101, 11, Decimal("60.00"), datetime(2024, 1, 1))
    ]
    monkeypatch.undo()
    assert bench.land() == 0
    assert (bench.seeds / "pledges.csv").exists()
    assert "sources" not in properties(bench)


def test_without_seeds_every_table_is_parquet_with_its_types(bench: LandingBench) -> None:
    assert bench.land("--without-seeds", run_id="r2") == 0
    assert [path.name for path in bench.seeds.iterdir()] == ["raw.yml"]
    assert in_parquet(bench) == [table.name for table in TABLES]
    found = properties(bench)
    (source,) = found["sources"]
    tables = source["tables"]
    assert isinstance(tables, list)
    assert found["seeds"] == []
    assert [table["name"] for table in tables] == [*(table.name for table in TABLES), "landing"]
    macro = (bench.seeds.parent / "macros" / "parquet_tables.sql").read_text()
    assert all(f'"{table["name"]}"' in macro for table in tables)
    path = tables[-1]["config"]["meta"]["external_location"]
    assert duckdb.execute(f"from '{path}'").fetchall() == [
        (datetime(2024, 3, 14, 0, 0, 0, 1), "r2")
    ]


def test_a_seed_of_many_bytes_becomes_parquet(
    bench: LandingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SEED_BYTES", (bench.data / "projects.csv").stat().st_size)
    assert bench.land() == 0
    assert in_parquet(bench) == ["milestones"]


def test_every_column_is_described_with_its_type(bench: LandingBench) -> None:
    assert bench.land() == 0
    for seed in properties(bench)["seeds"]:
        columns, config = seed["columns"], seed["config"]
        assert isinstance(columns, list)
        assert isinstance(config, dict)
        if seed["name"] != "landing":
            wanted = [column.name for column in TABLE[str(seed["name"])].columns]
            assert [each["name"] for each in columns] == wanted
        assert all(each["description"] for each in columns)
        assert {each["name"]: each["data_type"] for each in columns} == config["column_types"]


@pytest.mark.parametrize("seed_rows", [50_000, 1])
def test_the_same_rows_give_the_same_bytes_in_any_order(
    bench: LandingBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed_rows: int
) -> None:
    monkeypatch.setattr(writing, "SEED_ROWS", seed_rows)
    assert bench.land() == 0
    turned = LandingBench(tmp_path / "turned")
    write(turned.data, {name: rows[::-1] for name, rows in world().items()})
    assert turned.land() == 0

    def data(files: dict[str, bytes]) -> dict[str, bytes]:
        return {name: text for name, text in files.items() if name.endswith((".csv", ".parquet"))}

    assert data(turned.files()) == data(bench.files())


def test_csv_and_parquet_give_the_same_bytes(bench: LandingBench) -> None:
    assert bench.land("--without-seeds") == 0
    before = listed(bench)["tables"]
    for table in TEXT:
        # an empty text counts as NULL
        empty = {"country": "coalesce(country, '')"} if table == "backers" else {}
        to_parquet(bench, table, **empty)
    assert bench.land("--without-seeds") == 0
    assert listed(bench)["tables"] == before


def many_pledges(bench: LandingBench) -> pa.Table:
    """More pledges than three of DuckDB's row groups hold, in the order of their key."""
    given = f"from read_csv('{bench.data / 'pledges.csv'}')"
    return duckdb.sql(f"""
        select pledge_id, project_id, backer_id, amount::decimal(18, 2) as amount, pledged_at
        from ({given})
        union all
        select range, 101, 11, 1, timestamptz '2024-01-02 00:00:00+00' from range(5, 400_000)
    """).to_arrow_table()


@pytest.mark.parametrize(
    ("rows", "row_group_size"),
    [
        ("from pledges", writing.ROW_GROUP),
        ("from pledges", 122_000),
        ("from pledges order by pledge_id desc", writing.ROW_GROUP),
        # one more, of a project that is not there
        (
            "(select * replace (0 as pledge_id, 9 as project_id) from pledges limit 1)"
            " union all from pledges",
            writing.ROW_GROUP,
        ),
    ],
)
def test_the_same_rows_give_the_same_bytes_however_they_are_cut(
    bench: LandingBench, rows: str, row_group_size: int
) -> None:
    pledges = many_pledges(bench)
    (bench.data / "pledges.csv").unlink()
    path = bench.data / "pledges.parquet"
    parquet.write_table(pledges, path, row_group_size=1_000_000)
    assert bench.land() == 0
    before = listed(bench)["tables"]["pledges"]
    written = duckdb.sql(rows).to_arrow_table()
    parquet.write_table(written, path, row_group_size=row_group_size)
    assert bench.land(mode="quarantine") == 0
    assert listed(bench)["tables"]["pledges"] == before


def test_a_file_that_changes_while_it_is_read_is_not_landed(
    bench: LandingBench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.land() == 0
    before = bench.files()
    to_parquet(bench, "backers")
    check_between_rows = land.check_between_rows

    def change_afterwards(checker: RowChecker) -> None:
        check_between_rows(checker)
        path = bench.data / "backers.parquet"
        changed = duckdb.sql(f"select * replace ('FR' as country) from '{path}'").to_arrow_table()
        parquet.write_table(changed, path)

    monkeypatch.setattr(land, "check_between_rows", change_afterwards)
    assert bench.land() == 2
    assert "backers.parquet" in capsys.readouterr().err
    assert bench.files() == before


@pytest.mark.parametrize(
    "arguments",
    ["--on-bad-rows ignore --run-id r1", "--run-id ../r1", "--on-bad-rows reject", "--scale 3"],
)
def test_a_wrong_call_is_told_in_one_line(
    bench: LandingBench, arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = f"--data {bench.data} --warehouse {bench.warehouse}"
    with pytest.raises(SystemExit) as exit:
        land.main(f"{folders} {arguments}".split())
    assert exit.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_refusal_says_what_where_which_and_what_to_do(
    bench: LandingBench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.land() == 0
    before = bench.files()
    tables = world()
    for key in range(10, 17):
        like(tables, "pledges", 4, pledge_id=str(key), pledged_at="2024-04-01T00:00:00Z")
    row(tables, "projects", 102)["creator_id"] = "9"
    write(bench.data, tables)
    capsys.readouterr()
    assert bench.land() == 1
    printed = capsys.readouterr()
    report = bench.warehouse / "rejected" / "r1"
    first, *rest = printed.err.splitlines()
    assert first.startswith(
        f"land       REFUSED: 8 violations of 2 rules in {bench.data}; nothing was changed ("
    )
    assert rest == [
        "  pledges  pledged_during_campaign  7 rows: 10, 11, 12, 13, 14, …",
        "      pledged_at 2024-04-01 00:00:00 is outside the campaign of project 103,"
        " [2024-03-01 00:00:00, 2024-04-01 00:00:00)",
        "  projects  dangling_reference  1 row: 102",
        "      costs 4 rows: these and 3 rejected with them; 4 of them for no other cause",
        "      creator_id 9 is not in creators",
        "  3 more rows would be quarantined with these:",
        "  pledges  parent_quarantined  1 row: 3",
        "  milestones  parent_quarantined  1 row: 1003",
        "  experiment_exposures  parent_quarantined  1 row: 7002",
        f"  all keys: {report / 'violations.csv'}",
        "  correct the export, beginning with the first rule named: it costs the most rows;",
        "  or leave these rows (and what is rejected with them) out: ON_BAD_ROWS=quarantine",
    ]
    assert printed.out == ""
    assert (report / "report.txt").read_text().splitlines()[1:] == rest
    assert bench.files() == before


def test_quarantine_keeps_the_whole_row_and_why(
    bench: LandingBench, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = world()
    row(tables, "creators", 2)["joined_at"] = "never"
    row(tables, "pledges", 4).update(amount="-1", pledged_at="2024-05-01T00:00:00Z")
    write(bench.data, tables)
    assert bench.land(mode="quarantine", run_id="r7") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("land       7 tables, 17 rows accepted, 6 quarantined (")
    first = next(place for place, line in enumerate(printed) if "wrong_type" in line)
    assert printed[first : first + 6] == [
        "           creators  wrong_type  1 row: 2",
        "               costs 5 rows: these and 4 rejected with them; 5 of them for no other cause",
        "               joined_at 'never' is not a timestamp"
        " (ISO 8601, to the microsecond, such as 2024-01-31 23:59:00)",
        "           pledges  amount_above_zero  1 row: 4",
        "               costs 1 row; 0 of them for no other cause",
        "               amount -1.00 is not above 0",
    ]
    rows = bench.quarantined()
    assert len(rows) == 6
    assert rows[0][:-1] == (
        "creators",
        "2",
        "wrong_type",
        "joined_at 'never' is not a timestamp"
        " (ISO 8601, to the microsecond, such as 2024-01-31 23:59:00)",
        "creators.csv",
    )
    given = {"creator_id": "2", "display_name": "Zoë", "country": None, "joined_at": "never"}
    assert given.items() <= json.loads(rows[0][-1]).items()
    reasons = {(each[0], each[1]): each[3] for each in rows}
    assert reasons["pledges", "4"] == (
        "amount -1.00 is not above 0; pledged_at 2024-05-01 00:00:00 is outside the campaign of"
        " project 103, [2024-03-01 00:00:00, 2024-04-01 00:00:00)"
    )
    assert reasons["pledges", "3"] == (
        "project_id 102 is quarantined: creator_id 2 is quarantined: wrong_type"
    )


def test_a_landing_that_was_killed_leaves_nothing_in_the_next(bench: LandingBench) -> None:
    work = bench.warehouse / "build" / "landing"
    work.mkdir(parents=True)
    (work / "pledges.parquet").write_text("half")
    assert bench.land() == 0
    assert not work.exists()
    assert bench.quarantined() == []


def test_a_damaged_or_lost_large_table_is_written_again(
    bench: LandingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SEED_ROWS", 5)
    assert bench.land() == 0
    file = Path(listed(bench)["tables"]["pledges"])
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + b"overwrite")
    assert bench.land() == 0
    assert file.read_bytes() == whole
    file.unlink()
    assert bench.land() == 0
    assert file.read_bytes() == whole


@pytest.mark.parametrize("step", [1, 5, 9, 10])
def test_a_kill_while_swapping_is_healed_by_the_next_landing(
    bench: LandingBench, tmp_path: Path, step: int
) -> None:
    """Steps 9 and 10 put the old folder away and the new one in its place."""
    assert bench.land(run_id="r0") == 0
    before = bench.files()
    changed = world()
    row(changed, "projects", 103)["title"] = "Ship"
    write(bench.data, changed)
    code = killed.run(
        "expectations.landing",
        ["--data", str(bench.data), "--warehouse", str(bench.warehouse), "--run-id", "r1"],
        at=step,
        names=("replace", "rename"),
    )
    assert code == -signal.SIGKILL
    # either all of the old landing or none: half of one never counts
    assert (bench.warehouse / "landed").exists() == (step < 10)
    if step < 10:
        left = {name: text for name, text in bench.files().items() if "build" not in name}
        assert left == before
    assert bench.land(run_id="r2") == 0
    fresh = LandingBench(tmp_path / "fresh")
    shutil.copytree(bench.data, fresh.data)
    assert fresh.land(run_id="r2") == 0
    names = [name for name in fresh.files() if "seeds" in name]
    assert {name: bench.files()[name] for name in names} == {
        name: fresh.files()[name] for name in names
    }


def test_dbt_loads_what_was_landed(workshop: Workshop, tmp_path: Path) -> None:
    tables = world()
    titles = ['"Quoted", and\nbroken; ünïcode 𝄞', "NULL", " ' \t "]
    for each, title in zip(tables["projects"], titles, strict=True):
        each["title"] = title
    tables["votes"] = []
    workshop.land(write(tmp_path / "data", tables))
    workshop.dbt(*SILENTLY, "seed")
    with duckdb.connect(str(workshop.database), read_only=True) as con:
        assert con.execute(
            "select title, funding_goal, cancelled_at, release_strategy from raw.projects"
            " order by project_id"
        ).fetchall() == [
            (titles[0], Decimal("100.00"), None, "equal_tranches"),
            (titles[1], Decimal("50.00"), datetime(2024, 2, 10), None),
            (titles[2], Decimal("500.00"), None, "holdback_20"),
        ]
        found = con.execute("""
            select table_name, column_name, lower(data_type)
            from duckdb_columns() where schema_name = 'raw'
        """).fetchall()
        assert con.execute("select count(*) from raw.votes").fetchall() == [(0,)]
    assert set(found) == {
        (table.name, column.name, column.type)
        for table in (*TABLES, writing.LANDING)
        for column in table.columns
    }
