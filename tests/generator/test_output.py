"""Output folders: reproducible, equal in both formats, complete or absent."""

import csv
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pa_parquet
import pytest

from generator import cli, output
from generator.cli import generate
from generator.config import SimulationConfig
from generator.output import OutputError, Target, check_replaceable, writing
from generator.schemas import SCHEMAS
from generator.world import Block, simulate
from tests.forks import FORKS

CONFIG = SimulationConfig(scale=2, block_scale=1, seed=5)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_the_same_call_writes_the_same_bytes(tmp_path: Path, file_format: str) -> None:
    generate(CONFIG, tmp_path / "one", file_format)
    generate(CONFIG, tmp_path / "two", file_format)
    one = contents(tmp_path / "one")
    assert sorted(one) == sorted(f"{name}.{file_format}" for name in SCHEMAS)
    assert one == contents(tmp_path / "two")


def test_another_seed_makes_another_world(tmp_path: Path) -> None:
    generate(CONFIG, tmp_path / "one", "csv")
    generate(SimulationConfig(scale=2, block_scale=1, seed=6), tmp_path / "two", "csv")
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert [name for name in one if one[name] == two[name]] == []


def test_blocks_of_one_world_differ() -> None:
    first, second = simulate(CONFIG)
    assert first.campaigns.raised.tolist() != second.campaigns.raised.tolist()


@pytest.mark.parametrize("table", SCHEMAS)
def test_both_formats_hold_the_same_values(
    small_folder: Path, small_csv_folder: Path, table: str
) -> None:
    types = {
        name: str(kind).upper().replace("DECIMAL128", "DECIMAL").replace("INT64", "BIGINT")
        for name, kind in zip(SCHEMAS[table].names, SCHEMAS[table].types, strict=True)
    }
    columns = {
        name: "TIMESTAMPTZ" if "TIMESTAMP" in kind else kind.replace("STRING", "VARCHAR")
        for name, kind in types.items()
    }
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        csv_file = small_csv_folder / f"{table}.csv"
        parquet_file = small_folder / f"{table}.parquet"
        read = f"read_csv('{csv_file}', header = true, columns = {columns})"
        for left, right in (
            (read, f"'{parquet_file}'"),
            (f"'{parquet_file}'", read),
        ):
            query = f"select count(*) from (select * from {left} except all select * from {right})"
            assert connection.execute(query).fetchone() == (0,)


def test_row_groups_are_whole_however_large_blocks_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(CONFIG, tmp_path / "one", "parquet")
    monkeypatch.setattr(output, "ROW_GROUP", 1_000)
    generate(CONFIG, tmp_path / "two", "parquet")
    for name in SCHEMAS:
        one, two = (tmp_path / folder / f"{name}.parquet" for folder in ("one", "two"))
        metadata = pa_parquet.read_metadata(two)
        sizes = [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)]
        assert set(sizes[:-1]) <= {1_000}
        assert pa_parquet.read_table(two).equals(pa_parquet.read_table(one))


def test_csv_has_a_plain_header_quotes_and_zones(small_csv_folder: Path) -> None:
    with (small_csv_folder / "projects.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == SCHEMAS["projects"].names
    titles = [row[2] for row in rows[1:]]
    assert any('"' in title for title in titles)
    assert any("," in title for title in titles)
    assert any(not title.isascii() for title in titles)
    assert all(row[6].endswith("Z") for row in rows[1:])
    assert all(row[5].partition(".")[2].__len__() == 2 for row in rows[1:])


def interrupted(config: SimulationConfig) -> Iterator[Block]:
    yield next(simulate(config))
    raise KeyboardInterrupt


def test_an_interrupted_run_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "simulate", interrupted)
    assert cli.main(["--out", str(tmp_path / "world"), "--scale", "2"]) == 130
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == "generate: interrupted; nothing was written\n"


def test_an_interrupted_run_keeps_the_world_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(CONFIG, tmp_path / "world", "csv")
    before = contents(tmp_path / "world")
    monkeypatch.setattr(cli, "simulate", interrupted)
    assert cli.main(["--out", str(tmp_path / "world"), "--scale", "2", "--seed", "9"]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["world"]
    assert contents(tmp_path / "world") == before


KILLED_HALF_WAY = """
import os, signal, sys
from generator import cli
real = cli.simulate
def killed(config):
    yield next(real(config))
    os.kill(os.getpid(), signal.SIGKILL)
cli.simulate = killed
cli.main(sys.argv[1:])
"""


def test_a_killed_run_shows_no_world_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    out = tmp_path / "world"
    call = [sys.executable, "-c", KILLED_HALF_WAY, "--out", str(out), "--scale", "2"]
    run = FORKS.run(call, imports=["generator.cli"])
    assert run.returncode == -signal.SIGKILL
    assert not out.exists()
    assert len(list(tmp_path.iterdir())) == 1
    generate(CONFIG, out, "csv")
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


def test_a_swap_cut_in_two_is_undone(tmp_path: Path) -> None:
    generate(CONFIG, tmp_path / "world", "csv")
    before = contents(tmp_path / "world")
    (tmp_path / "world").rename(tmp_path / ".world.previous")
    with pytest.raises(OSError, match="disk"), writing(Target(tmp_path / "world", "csv")):
        raise OSError("disk full")
    assert [path.name for path in tmp_path.iterdir()] == ["world"]
    assert contents(tmp_path / "world") == before


def test_a_new_format_replaces_the_old_files(tmp_path: Path) -> None:
    generate(CONFIG, tmp_path / "world", "csv")
    generate(CONFIG, tmp_path / "world", "parquet")
    assert sorted(contents(tmp_path / "world")) == sorted(f"{name}.parquet" for name in SCHEMAS)


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    assert cli.main(["--out", str(tmp_path / "link")]) == 0
    assert cli.main(["--out", str(tmp_path / "link")]) == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "pledges.csv").exists()


def test_foreign_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not lose me")
    with pytest.raises(OutputError, match=r"holds thesis\.txt, which is not a generated table"):
        check_replaceable(tmp_path, SCHEMAS)
    assert cli.main(["--out", str(tmp_path)]) == 2
    assert cli.main(["--out", str(tmp_path / "thesis.txt")]) == 2
    assert (tmp_path / "thesis.txt").read_text() == "do not lose me"
