"""Files as they come: formats, encodings, line ends, and lines and columns that cannot be read."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from expectations.landing import csv_files
from expectations.landing.contract import TABLE
from tests.expectations.landing.landing_world import (
    TEXT,
    LandingBench,
    as_csv,
    header,
    row,
    world,
    write,
)


@pytest.fixture
def bench(tmp_path: Path) -> LandingBench:
    """A bench with the tiny export in it."""
    bench = LandingBench(tmp_path)
    write(bench.data, world())
    return bench


def landed_without_oddities(tmp_path: Path) -> LandingBench:
    """The same export landed from plain files, to compare with."""
    plain = LandingBench(tmp_path / "plain")
    write(plain.data, world())
    assert plain.land() == 0
    return plain


def rewrite(bench: LandingBench, table: str, change: Callable[[bytes], bytes]) -> None:
    """Changes a file of the export byte by byte."""
    path = bench.data / f"{table}.csv"
    path.write_bytes(change(path.read_bytes()))


def to_parquet(bench: LandingBench, table: str, **values: str) -> None:
    """Writes a table as Parquet instead of CSV; `values` are SQL over the columns as text."""
    path = bench.data / f"{table}.csv"
    columns = ", ".join(
        f"{values.get(column.name, f'{column.name}::{column.type}')} as {column.name}"
        for column in TABLE[table].columns
        if not column.since
    )
    duckdb.execute(
        f"copy (select {columns} from read_csv('{path}', header = true, all_varchar = true))"
        f" to '{path.with_suffix('.parquet')}'"
    )
    path.unlink()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
        lambda data: data.rstrip(b"\n"),
        lambda data: data.replace(b"\n", b"\n\n"),
        lambda data: data.replace(b"T00:00:00Z", b" 02:00:00+02:00"),
        lambda data: data.replace(b"T00:00:00Z", b""),
    ],
    ids=["bom", "crlf", "cr", "bom_crlf", "no_last_line_end", "blank_lines", "offset", "date"],
)
def test_the_same_rows_in_other_bytes_land_the_same(
    bench: LandingBench, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    for table in TEXT:
        rewrite(bench, table, change)
    assert bench.land() == 0
    plain = landed_without_oddities(tmp_path)
    for table in TEXT:
        assert (bench.seeds / f"{table}.csv").read_bytes() == (
            plain.seeds / f"{table}.csv"
        ).read_bytes()


def test_columns_may_stand_in_any_order(bench: LandingBench, tmp_path: Path) -> None:
    for table, rows in world().items():
        text = as_csv(rows, columns=reversed(header(table)))
        (bench.data / f"{table}.csv").write_text(text)
    assert bench.land() == 0
    plain = landed_without_oddities(tmp_path)
    assert all(bench.landed(table) == plain.landed(table) for table in TEXT)


def test_parquet_and_csv_land_the_same(bench: LandingBench, tmp_path: Path) -> None:
    to_parquet(bench, "creators", joined_at="joined_at::timestamptz")
    to_parquet(bench, "backers", joined_at="joined_at::timestamp_ns")
    to_parquet(bench, "pledges", amount="amount::decimal(38, 6)", pledge_id="pledge_id::utinyint")
    to_parquet(bench, "projects", funding_goal="funding_goal::decimal(18, 2)::bigint")
    to_parquet(bench, "milestones", due_at="due_at::timestamp_s", milestone_id="milestone_id")
    to_parquet(bench, "votes", is_approval="is_approval::boolean::int", voted_at="voted_at")
    assert bench.land() == 0
    plain = landed_without_oddities(tmp_path)
    for table in TEXT:
        assert (bench.seeds / f"{table}.csv").read_bytes() == (
            plain.seeds / f"{table}.csv"
        ).read_bytes()


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_texts_survive_as_they_are(bench: LandingBench, line_end: str) -> None:
    title = f'"Quoted", and{line_end}broken;\tthen ünïcode 𝄞, NULL'
    tables = world()
    row(tables, "projects", 101)["title"] = title
    row(tables, "projects", 102)["title"] = "NULL"
    row(tables, "projects", 103)["title"] = " ' "
    (bench.data / "projects.csv").write_bytes(
        as_csv(tables["projects"], line_end=line_end).encode()
    )
    assert bench.land() == 0
    assert [each[2] for each in bench.landed("projects")] == [title, "NULL", " ' "]


def test_an_empty_text_is_no_text(bench: LandingBench) -> None:
    rewrite(bench, "backers", lambda data: data.replace(b"13,DE", b'13,""'))
    to_parquet(bench, "creators", country="coalesce(country, '')")
    assert bench.land() == 0
    assert [each[1] for each in bench.landed("backers")] == ["US", None, None]
    assert [each[2] for each in bench.landed("creators")] == ["US", None]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_with_a_header_only_is_empty(bench: LandingBench, ending: str) -> None:
    for table in ("votes", "experiment_exposures"):
        rewrite(bench, table, lambda data: data.splitlines(keepends=True)[0])
        if ending == "parquet":
            to_parquet(bench, table)
    assert bench.land() == 0
    assert bench.landed("votes") == []
    assert (bench.seeds / "votes.csv").read_text().splitlines() == [",".join(header("votes"))]


def test_exposures_need_not_be_there(bench: LandingBench) -> None:
    (bench.data / "experiment_exposures.csv").unlink()
    assert bench.land() == 0
    assert bench.landed("experiment_exposures") == []


def test_values_at_the_limits_pass(bench: LandingBench) -> None:
    tables = world()
    row(tables, "projects", 103).update(
        deadline_at="2024-06-01T00:00:00Z", launched_at="2024-03-01T00:00:00Z"
    )
    row(tables, "milestones", 1004)["due_at"] = "2024-06-01T00:00:00.000001Z"
    row(tables, "milestones", 1005)["due_at"] = "2024-06-01T00:00:00.000002Z"
    row(tables, "pledges", 4).update(
        pledged_at="2024-05-31T23:59:59.999999Z", amount="0.0100", backer_id="11.0"
    )
    row(tables, "milestones", 1002)["resolved_at"] = "2024-09-11T00:00:00Z"
    row(tables, "milestones", 1002)["submitted_at"] = "2024-02-14T00:00:00.000001000Z"
    row(tables, "votes", 5003).update(voted_at="2024-09-11T00:00:00Z", is_approval="T")
    row(tables, "projects", 102)["cancelled_at"] = "2024-02-29T23:59:59.999999Z"
    row(tables, "creators", 2)["joined_at"] = "2024-02-01T00:00:00Z"
    write(bench.data, tables)
    assert bench.land() == 0


LINES = {
    "too_few_fields": (b"4,103,11,10.00\n", "it has 4 fields, the header 5"),
    "too_many_fields": (
        b"4,103,11,10.00,2024-03-02T00:00:00Z,x\n",
        "it has 6 fields, the header 5",
    ),
    "not_utf8": (b"4,103,11,10.00\xff,2024-03-02T00:00:00Z\n", "it is not UTF-8"),
    "text_after_quote": (
        b'4,103,11,"10".00,2024-03-02T00:00:00Z\n',
        "text follows a closing quote, or a quote is never closed",
    ),
}


@pytest.mark.parametrize(
    ("name", "line_end"), [*((name, b"\n") for name in LINES), ("too_few_fields", b"\r\n")]
)
def test_a_line_that_is_no_row_is_named_by_its_number(
    bench: LandingBench, name: str, line_end: bytes
) -> None:
    line, reason = LINES[name]
    good = [
        b"4,103,11,10.00,2024-03-02T00:00:00Z\n",
        b'5,103,"11",10.00,2024-03-02T00:00:00Z\n',
    ]
    rewrite(
        bench,
        "pledges",
        lambda data: (
            b"\xef\xbb\xbf" + (data.replace(good[0], line) + good[1]).replace(b"\n", line_end)
        ),
    )
    assert bench.land() == 1
    (found,) = bench.violations()
    assert (found["table"], found["rule"], found["source"]) == (
        "pledges",
        "unreadable_line",
        "pledges.csv:5",
    )
    assert found["reason"] == reason
    assert "4,103,11,10" in found["row_json"] or '4,103,11,\\"10' in found["row_json"]
    assert bench.land(mode="quarantine", run_id="r2") == 0
    assert [each[0] for each in bench.landed("pledges")] == ["1", "2", "3", "5"]
    assert [each[:3] for each in bench.quarantined()] == [("pledges", "", "unreadable_line")]


def test_line_numbers_count_the_lines_inside_quotes(bench: LandingBench) -> None:
    tables = world()
    row(tables, "projects", 101)["title"] = "one\ntwo\nthree"
    text = as_csv(tables["projects"]) + "\n104,1,\n"
    (bench.data / "projects.csv").write_text(text)
    assert bench.land() == 1
    (found,) = bench.violations()
    assert found["source"] == "projects.csv:8"
    assert text.splitlines()[7] == "104,1,"


def test_who_hangs_on_an_unreadable_line_is_not_named_beside_it(bench: LandingBench) -> None:
    rewrite(bench, "backers", lambda data: data.replace(b"13,DE,", b"13,DE;"))
    assert bench.land() == 1
    assert bench.violating(is_root=True) == {("backers", "unreadable_line", "")}
    assert bench.violating(is_root=False) == {
        ("pledges", "dangling_reference", "3"),
        ("experiment_exposures", "dangling_reference", "7002"),
        ("experiment_exposures", "dangling_reference", "7003"),
    }


@pytest.mark.parametrize(
    ("value", "rule", "key"), [("", "missing_value", ""), ("x5", "wrong_type", "x5")]
)
def test_a_row_without_a_readable_key_is_told_by_its_place(
    bench: LandingBench, value: str, rule: str, key: str
) -> None:
    tables = world()
    row(tables, "votes", 5002)["vote_id"] = value
    write(bench.data, tables)
    assert bench.land() == 1
    (found,) = bench.violations()
    assert (found["rule"], found["key"]) == (rule, key)
    assert found["source"] == ("votes.csv" if key else "votes.csv row 2")
    assert '"voted_at":"2024-02-14T00:00:00Z"' in found["row_json"]


FILES: dict[str, tuple[str, Callable[[bytes], bytes], str, str]] = {
    "missing_column": (
        "pledges",
        lambda data: data.replace(b"amount", b"amounts"),
        "missing_column",
        "column amount is missing",
    ),
    "missing_optional_column": (
        "projects",
        lambda data: data.replace(b"cancelled_at", b"canceled_at"),
        "missing_column",
        "column cancelled_at is missing: where nothing is known, add it with empty values",
    ),
    "extra_column": (
        "votes",
        lambda data: data.replace(b"voted_at", b"voted_at,comment").replace(b"Z\n", b"Z,ok\n"),
        "extra_column",
        "column 'comment' is not in the contract: leave it out",
    ),
    "repeated_column": (
        "votes",
        lambda data: data.replace(b"voted_at", b"voted_at,voted_at").replace(b"Z\n", b"Z,\n"),
        "repeated_column",
        "column voted_at stands 2 times",
    ),
    "empty_file": ("votes", lambda data: b"", "no_header", "the file has no header row"),
    "bom_only": ("votes", lambda data: b"\xef\xbb\xbf", "no_header", "the file has no header row"),
    "header_not_utf8": (
        "votes",
        lambda data: data.decode().encode("utf-16"),
        "wrong_encoding",
        "the header is not UTF-8: save the file as UTF-8",
    ),
    "mixed_line_ends": (
        "pledges",
        lambda data: data.replace(
            b"60.00,2024-01-01T00:00:00Z\n", b"60.00,2024-01-01T00:00:00Z\r\n"
        ),
        "mixed_line_ends",
        "1 lines end in CRLF, 4 in LF: save the file with one kind",
    ),
    "quote_open_to_the_end": (
        "projects",
        lambda data: data.replace(b"Comic,", b'"Comic,', 1),
        "open_quote",
        "line 3: a quote is opened and never closed: it swallows 2 lines",
    ),
    "quote_open_over_a_long_rest": (
        "projects",
        lambda data: data.replace(b"Comic,", b'"Comic,', 1) + b"104,2,more\n" * 400_000,
        "open_quote",
        "line 3: a quote is opened and never closed: it swallows 400,002 lines",
    ),
    "quote_open_to_the_next": (
        "projects",
        lambda data: data.replace(b"Comic,", b'"Comic,', 1).replace(b"Boat", b'"Boat"'),
        "open_quote",
        "line 3: a quote is opened and closed in the middle of a later line, or the line is"
        " longer than 2,000,000 bytes: where rows begin is unknown",
    ),
}


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> LandingBench:
    """A bench in which the tiny export was landed."""
    bench = LandingBench(tmp_path_factory.mktemp("landed"))
    write(bench.data, world())
    assert bench.land(run_id="r0") == 0
    return bench


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_refused_whole(
    landed: LandingBench, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table, change, rule, reason = FILES[name]
    bench = LandingBench(tmp_path / "bench")
    shutil.copytree(landed.root, bench.root)
    before = bench.files()
    rewrite(bench, table, change)
    assert bench.land(mode="quarantine") == 1
    printed = {(each["rule"], each["source"], each["reason"]) for each in bench.violations()}
    assert (rule, f"{table}.csv", reason) in printed
    assert bench.files() == before
    error = capsys.readouterr().err
    assert error.startswith(
        f"land       REFUSED: 1 file of {bench.data} cannot be read as it should; "
    )
    assert max(len(line) for line in error.splitlines()[1:-1]) <= 120
    assert f"{table}.csv {rule} {reason} " in " ".join(error.split())
    assert (
        "  rules that need these files were not checked, nor what would be rejected with them\n"
        in error
    )


def test_all_unreadable_files_are_told_at_once(
    bench: LandingBench, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(bench, "votes", lambda data: b"")
    rewrite(
        bench,
        "pledges",
        lambda data: data.replace(b"amount,", b"sum,").replace(b"pledged_at", b"x"),
    )
    rewrite(bench, "projects", lambda data: data.replace(b"500.00", b"-1"))
    assert bench.land() == 1
    assert [(each["table"], each["rule"]) for each in bench.violations()] == [
        ("pledges", "missing_column"),
        ("pledges", "missing_column"),
        ("pledges", "extra_column"),
        ("pledges", "extra_column"),
        ("votes", "no_header"),
        ("projects", "goal_above_zero"),
        # needs projects and milestones, which could be read
        ("projects", "milestone_amounts_add_up_to_goal"),
    ]
    # what they cost is not known while files are missing
    assert "costs" not in capsys.readouterr().err


PARQUET = {
    "float_money": (
        {"amount": "amount::double"},
        "column amount is DOUBLE, not decimal(18,2): a float cannot hold it exactly:"
        " cast it in the export",
    ),
    "float_id": (
        {"backer_id": "backer_id::double"},
        "column backer_id is DOUBLE, not bigint: a float cannot hold it exactly:"
        " cast it in the export",
    ),
    "blob": (
        {"pledged_at": "'x'::blob"},
        "column pledged_at is BLOB, not timestamp: cast it in the export",
    ),
}


@pytest.mark.parametrize("name", PARQUET)
def test_a_parquet_type_that_cannot_hold_the_values_is_refused(
    bench: LandingBench, name: str
) -> None:
    types, reason = PARQUET[name]
    to_parquet(bench, "pledges", **types)
    assert bench.land(mode="quarantine") == 1
    (found,) = bench.violations()
    assert (found["rule"], found["source"]) == ("wrong_column_type", "pledges.parquet")
    assert found["reason"] == reason


def test_a_parquet_value_that_does_not_fit_is_named_by_its_key(bench: LandingBench) -> None:
    to_parquet(
        bench,
        "pledges",
        amount="case pledge_id when '4' then 1.005 else amount::decimal(18,3) end",
        pledged_at="case pledge_id when '3' then 'infinity' else pledged_at end::timestamp",
    )
    assert bench.land() == 1
    wrong = {key for _, rule, key in bench.violating(is_root=True) if rule == "wrong_type"}
    assert wrong == {"3", "4"}


def test_a_column_without_any_value_needs_no_type(bench: LandingBench) -> None:
    tables = world()
    tables["experiment_exposures"] = tables["experiment_exposures"][:1]
    write(bench.data, tables)
    to_parquet(bench, "experiment_exposures", pledge_id="null::double")
    assert bench.land() == 0


def test_what_only_looks_like_parquet_is_refused(bench: LandingBench) -> None:
    (bench.data / "votes.csv").rename(bench.data / "votes.parquet")
    assert bench.land() == 1
    (found,) = bench.violations()
    assert found["rule"] == "unreadable_file"
    assert found["reason"].startswith("it cannot be read as Parquet: ")


def test_missing_files_are_named(bench: LandingBench, capsys: pytest.CaptureFixture[str]) -> None:
    (bench.data / "pledges.csv").unlink()
    (bench.data / "votes.csv").rename(bench.data / "vote.csv")
    assert bench.land() == 2
    assert capsys.readouterr().err == (
        f"land       {bench.data} misses pledges.csv or .parquet, votes.csv or .parquet; it holds"
        " backers.csv, creators.csv, experiment_exposures.csv, milestones.csv, projects.csv,"
        " vote.csv\n"
    )


def test_a_table_in_two_files_is_refused(
    bench: LandingBench, capsys: pytest.CaptureFixture[str]
) -> None:
    (bench.data / "votes.parquet").touch()
    assert bench.land() == 2
    assert "holds votes.csv and votes.parquet: leave the one that counts" in capsys.readouterr().err


def test_data_must_be_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert LandingBench(tmp_path).land() == 2
    assert capsys.readouterr().err == f"land       DATA {tmp_path / 'data'} is not a folder\n"


def test_line_numbers_hold_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "CHUNK_BYTES", 7)
    path = tmp_path / "file"
    path.write_bytes(b"one\ntwo\n\nfour, which is long\nfive\n")
    starts = np.array([0, 4, 9, 16, 29])
    assert csv_files.line_numbers(path, starts).tolist() == [1, 2, 4, 4, 5]


def random_csv(rng: random.Random) -> tuple[list[str], str]:
    """A list of texts, and a CSV file of two columns that holds them; many are broken by lines."""
    texts = ["".join(rng.choices('ab,"\n é', k=rng.randint(0, 12))) for _ in range(60)]
    rows = [{"number": str(number), "text": text} for number, text in enumerate(texts)]
    return texts, as_csv(rows, line_end=rng.choice(["\n", "\r\n"]))


@pytest.mark.parametrize("seed", range(20))
def test_records_are_read_whole_where_buffers_meet(tmp_path: Path, seed: int) -> None:
    texts, text = random_csv(random.Random(seed))
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode())
    relation = csv_files.csv_relation(path, ("number", "text"))
    small = relation.replace("max_line_size = 2000000", "max_line_size = 64, buffer_size = 64")
    assert small != relation
    read = duckdb.execute(f"select number, text from {small}").fetchall()
    assert read == [(str(number), each or None) for number, each in enumerate(texts)]
