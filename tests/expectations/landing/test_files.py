"""Files as they come: formats, encodings and line ends in which the same rows land the same."""

import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from expectations.landing import csv_files
from tests.expectations.landing.landing_world import (
    TEXT,
    LandingBench,
    as_csv,
    header,
    rewrite,
    row,
    to_parquet,
    world,
    write,
)


def landed_without_oddities(tmp_path: Path) -> LandingBench:
    """The same export landed from plain files, to compare with."""
    plain = LandingBench(tmp_path / "plain")
    write(plain.data, world())
    assert plain.land() == 0
    return plain


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
    to_parquet(bench, "experiment_exposures", exposed_at="exposed_at::timestamptz_ns")
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


def test_a_column_without_any_value_needs_no_type(bench: LandingBench) -> None:
    tables = world()
    tables["experiment_exposures"] = tables["experiment_exposures"][:1]
    write(bench.data, tables)
    to_parquet(bench, "experiment_exposures", pledge_id="null::double")
    assert bench.land() == 0


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
