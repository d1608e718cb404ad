"""Lines, columns and files that cannot be read: each is named, with what to do about it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from expectations.landing import csv_files
from expectations.landing import stage as land
from tests.expectations.landing.landing_world import (
    LandingBench,
    as_csv,
    rewrite,
    row,
    to_parquet,
    world,
    write,
)

LINES = {
    "too_few_fields": (b"4,103,11,10.00\n", "it has 4 fields, the header 5"),
    "too_many_fields": (
        b"4,103,11,10.00,2024-03-02T00:00:00Z,x\n",
        "it has 6 fields, the header 5",
    ),
    "not_utf8": (
        b"4,103,11,10.00\xff,2024-03-02T00:00:00Z\n",
        "it is not UTF-8: save the file as UTF-8",
    ),
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


@pytest.mark.parametrize("blank_lines", [1, 2])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_blank_lines_are_counted_and_are_no_unreadable_ones(
    bench: LandingBench, monkeypatch: pytest.MonkeyPatch, blank_lines: int, line_end: bytes
) -> None:
    monkeypatch.setattr(csv_files, "CHUNK_BYTES", 1)
    end = line_end * (1 + blank_lines)
    rewrite(bench, "pledges", lambda data: (data + b"5,103\n").replace(b"\n", end))
    assert bench.land() == 1
    (found,) = bench.violations()
    source = f"pledges.csv:{1 + 5 * (1 + blank_lines)}"
    assert (found["rule"], found["source"]) == ("unreadable_line", source)
    assert '"5,103"' in found["row_json"]


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
    "renamed_column": (
        "projects",
        lambda data: data.replace(b"cancelled_at", b"canceled_at"),
        "extra_column",
        "column 'canceled_at' is not in the contract: rename it cancelled_at, or leave it out",
    ),
    "column_in_capitals": (
        "pledges",
        lambda data: data.replace(b"pledge_id", b" Pledge_ID"),
        "extra_column",
        "column ' Pledge_ID' is not in the contract: rename it pledge_id, or leave it out",
    ),
    "repeated_column": (
        "votes",
        lambda data: data.replace(b"voted_at", b"voted_at,voted_at").replace(b"Z\n", b"Z,\n"),
        "repeated_column",
        "column voted_at stands 2 times",
    ),
    "empty_file": ("votes", lambda data: b"", "no_header", "the file has no header row"),
    "bom_only": ("votes", lambda data: b"\xef\xbb\xbf", "no_header", "the file has no header row"),
    "no_header": (
        "votes",
        lambda data: data.split(b"\n", 1)[1],
        "no_header",
        "the first row names none of the columns: vote_id, milestone_id, backer_id, is_approval,"
        " voted_at",
    ),
    "semicolons": (
        "votes",
        lambda data: data.replace(b",", b";"),
        "wrong_delimiter",
        "columns are separated by ';': save the file with commas",
    ),
    "tabs": (
        "votes",
        lambda data: data.replace(b",", b"\t"),
        "wrong_delimiter",
        r"columns are separated by '\t': save the file with commas",
    ),
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


def test_a_file_that_grows_while_it_is_read_is_no_refusal_of_its_rows(
    bench: LandingBench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever schedules the run tries again, which helps: after a refusal it would not."""
    read_tables = land.read_tables

    def grow_before(con: object, files: dict[str, Path]) -> object:
        with files["votes"].open("a") as file:
            file.write("half a row")
        return read_tables(con, files)

    monkeypatch.setattr(land, "read_tables", grow_before)
    assert bench.land() == 2
    assert "votes.csv in" in (error := capsys.readouterr().err)
    assert "changed while being read; nothing was changed here: run again" in error
    assert not (bench.warehouse / "rejected").exists()
