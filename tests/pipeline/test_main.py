"""What the command line leaves with when something is wrong that nobody foresaw."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipeline import __main__ as command_line
from pipeline.digests import MISSING, Digests
from pipeline.paths import PROJECT, Paths
from pipeline.plan import Context, landed_values
from pipeline.settings import read
from tests.expectations.landing.landing_world import row, world, write


def test_a_bug_is_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("nobody foresaw this")

    monkeypatch.setattr(command_line, "_reach_one", fail)
    code = command_line.main(["land", f"WAREHOUSE={tmp_path}"])
    message = capsys.readouterr().err
    assert code == 70
    assert "nobody foresaw this" in message
    assert "failed because of a bug" in message
    assert '"code": 70' in (tmp_path / "runs.jsonl").read_text().splitlines()[-1]


def test_a_run_reads_and_shows_utf_8_whatever_locale_a_scheduler_sets(tmp_path: Path) -> None:
    tables = world()
    tables["votes"] = [row(tables, "votes", 5001) | {"vote_id": str(key)} for key in range(9)]
    data, warehouse = write(tmp_path / "exporté", tables), tmp_path / "wärehouse"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pipeline", "land", f"DATA={data}", f"WAREHOUSE={warehouse}"),
            "ON_BAD_ROWS=quarantine",
        ],
        cwd=PROJECT,
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "0, 1, 2, 3, 4, …" in done.stdout
    assert (warehouse / "landed" / "landed.json").exists()


@pytest.mark.parametrize("goal", ["run", "docs", "train"])
def test_a_dry_run_makes_no_warehouse(
    tmp_path: Path, goal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mistyped"
    assert command_line.main(["--dry-run", goal, f"WAREHOUSE={folder}"]) == 0
    out = capsys.readouterr().out
    assert "there is no warehouse yet at" in out
    assert f"{goal:<10} generate is due (not done yet), and what follows from it" in out
    assert not folder.exists()


@pytest.mark.parametrize(
    ("goal", "count", "setting", "code"),
    [
        ("run", 2, "1", 1),
        ("docs", 2, "1", 1),
        ("run", 0, "1", 0),
        ("run", 2, "0", 0),
        ("features", 2, "1", 0),
    ],
)
def test_an_alert_fails_a_run_that_asks_for_it_once_it_is_published(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    goal: str,
    count: int,
    setting: str,
    code: int,
) -> None:
    with duckdb.connect(str(tmp_path / "escrow.duckdb")) as con:
        con.execute("create schema insights")
        con.execute(f"create table insights.drift_alerts as from range({count})")
        con.execute(
            """create table insights.drift_status as from (values
            ('project_success', 'no drift detected', 'no drift detected (1 feature tested)'),
            ('milestone_risk', 'not tested', 'not tested: 28 of 30 projects needed'))
            as found (model_name, model_status, model_summary)"""
        )
    monkeypatch.setattr(command_line.Runner, "bring_up_to_date", lambda *_: [])
    given = [goal, f"WAREHOUSE={tmp_path}", f"FAIL_ON_ALERT={setting}"]
    assert command_line.main(given) == code
    printed = capsys.readouterr()
    assert "nothing has changed" in printed.out
    is_asked = setting == "1" and goal != "features"
    said = "FAIL_ON_ALERT=1: milestone_risk not tested: 28 of 30 projects needed\n"
    assert (said in printed.err) == is_asked
    assert ("2 rows in insights.drift_alerts" in printed.err) == bool(code)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "project_outlook'; browse it: make site"),
        (
            ("WAREHOUSE=w 2", "SITE=pages"),
            "project_outlook' WAREHOUSE='w 2'; browse it: make site SITE=pages",
        ),
    ],
)
def test_a_run_says_how_to_ask_the_warehouse_that_it_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command_line.Runner, "bring_up_to_date", lambda *_: ["publish"])
    assert command_line.main(["run", *given]) == 0
    assert " ".join(capsys.readouterr().out.split()).endswith(said)


@pytest.mark.parametrize("goal", ["run", "docs", "features", "monitor"])
def test_generated_data_never_replace_an_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], goal: str
) -> None:
    """A scheduler whose variable is empty calls `run DATA=`."""
    folder = tmp_path / "warehouse"
    folder.mkdir()
    with duckdb.connect(str(folder / "escrow.duckdb")) as con:
        con.execute("create schema quality")
        con.execute(
            "create table quality.runs as from"
            " (values ('a', 'steady-1-42', 1, 1), ('b', 'sales', null, 2))"
            " as runs (run_id, data_name, scale, published_at)"
        )
    before = (folder / "escrow.duckdb").read_bytes()
    for call in ([goal, "DATA="], ["--dry-run", goal]):
        assert command_line.main([*call, f"WAREHOUSE={folder}", f"SITE={tmp_path}/site"]) == 2
        assert "holds the export 'sales', and DATA is empty" in capsys.readouterr().err
    assert (folder / "escrow.duckdb").read_bytes() == before
    assert not (folder / "generated").exists()


@pytest.fixture
def landed(tmp_path: Path) -> Context:
    """A warehouse in which something is landed."""
    paths = Paths.at(str(tmp_path), "")
    for folder in ("seeds", "macros"):
        (paths.landed / folder).mkdir(parents=True)
    (paths.landed / "landed.json").write_text('{"tables": {}}')
    (paths.landed / "seeds" / "landing.csv").write_text("as_of\n2023-01-01\n")
    (paths.landed / "macros" / "parquet_tables.sql").write_text("macro")
    return Context(read([], {}), paths, Digests(tmp_path / "digests.json"), "run")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("landed.json", "{half"),
        ("landed.json", "{}"),
        ("landed.json", "[]"),
        ("landed.json", '{"tables": null}'),
        ("seeds/landing.csv", ""),
        ("seeds/landing.csv", None),
    ],
)
def test_a_damaged_landing_counts_as_none(landed: Context, name: str, text: str | None) -> None:
    assert landed_values(landed) != {"landed": MISSING}
    path = landed.paths.landed / name
    path.unlink() if text is None else path.write_text(text)
    assert landed_values(landed) == {"landed": MISSING}


def test_a_landing_in_parquet_counts_by_its_timestamp_not_by_its_run(landed: Context) -> None:
    (landed.paths.landed / "seeds" / "landing.csv").unlink()
    (landed.paths.landed / "landing.parquet").write_bytes(b"as of monday, run 1")
    list_of_files = landed.paths.landed / "landed.json"
    list_of_files.write_text('{"as_of": "monday", "run_id": "run 1", "tables": {}}')
    first = landed_values(landed)
    (landed.paths.landed / "landing.parquet").write_bytes(b"as of monday, run 2")
    list_of_files.write_text('{"as_of": "monday", "run_id": "run 2", "tables": {}}')
    assert landed_values(landed) == first != {"landed": MISSING}
    list_of_files.write_text('{"as_of": "tuesday", "run_id": "run 2", "tables": {}}')
    assert landed_values(landed) != first
    (landed.paths.landed / "landing.parquet").unlink()
    assert landed_values(landed) == {"landed": MISSING}


def test_a_lost_macro_of_landing_is_seen(landed: Context) -> None:
    before = landed_values(landed)
    (landed.paths.landed / "macros" / "parquet_tables.sql").unlink()
    assert landed_values(landed) != before
