"""The journal of performance: whole lines, each once, whatever happened to the writer."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ml.errors import MlError
from ml.monitoring import journal
from ml.warehouse import read_warehouse
from tests.forks import FORKS
from tests.ml import ml_state

OBJECTS = [{"id": str(number), "metric": "accuracy", "value": number / 7} for number in range(9)]
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_repeated_run_appends_nothing(tmp_path: Path) -> None:
    path = tmp_path / "monitoring" / "journal.jsonl"
    assert journal.append(path, OBJECTS[:5]) == 5
    assert journal.append(path, OBJECTS[:5]) == 0
    assert journal.append(path, OBJECTS) == 4
    assert lines(path) == OBJECTS


def test_any_torn_end_is_cut_off_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append(path, OBJECTS[:3])
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        journal.append(path, OBJECTS[:3])
        assert path.read_bytes() == whole, size


def test_a_foreign_line_is_named_and_nothing_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append(path, OBJECTS[:1])
    path.write_text(path.read_text() + "no JSON\n")
    before = path.read_bytes()
    with pytest.raises(MlError, match="line 2 is no line of this journal"):
        journal.append(path, OBJECTS)
    assert path.read_bytes() == before


def test_killed_writers_leave_whole_lines_each_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    code = (
        "import sys; from pathlib import Path; from ml.monitoring.journal import append\n"
        "for n in range(10**6): append(Path(sys.argv[1]), [{'id': str(i)} for i in range(n % 400)])"
    )
    root = Path(journal.__file__).parents[2]
    for _ in range(2):
        writers = [
            subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=root) for _ in range(2)
        ]
        while not path.exists() or path.stat().st_size < 3000:
            assert all(writer.poll() is None for writer in writers)
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
        journal.append(path, [])
        ids = [each["id"] for each in lines(path)]
        assert len(ids) == len(set(ids)) > 0
        path.unlink()


@pytest.fixture
def published(made_ml_state: None, tmp_path: Path) -> Path:
    path = tmp_path / "escrow.duckdb"
    with duckdb.connect(str(path)) as connection:
        ml_state.install(connection)
        connection.execute(
            """create schema insights;
            insert into core.warehouse_as_of values (timestamp '2024-01-01 00:00:01');
            insert into ml.model_runs by name
                select 'm' as model_name, 'v2' as model_version, 'trained' as status,
                    true as is_champion, timestamp '2024-01-01' as as_of,
                    timestamp '2024-01-01' as trained_at, 'r' as run_id;
            create table insights.model_performance (model_name varchar, model_version varchar,
                snapshot_kind varchar, cohort_week date, matured_count bigint,
                pending_count bigint, accuracy double, brier_score double, base_rate double,
                mean_predicted_probability double, matured_estimated_accuracy double,
                pending_estimated_accuracy double, pending_estimated_brier_score double);
            insert into insights.model_performance values
                ('m', 'v2', 'd3', date '2023-12-04', 30, 0, 0.9, .1, .5, .5, .8, null, null),
                ('m', 'v2', 'd3', date '2023-12-25', 10, 5, 0.5, .3, .2, .4, .8, .7, .2),
                ('m', 'v2', 'd3', date '2024-01-08', 0, 15, null, null, null, null, null, .6, .2),
                ('m', 'v2', 'd3', date '2023-01-02', 99, 0, 0.1, .9, .2, .4, .8, null, null),
                ('m', 'v1', 'd3', date '2023-12-04', 99, 0, 0.1, .9, .2, .4, .8, null, null)"""
        )
    return path


def test_one_object_per_model_in_use_and_metric_of_recent_cohorts(published: Path) -> None:
    with read_warehouse(published) as warehouse:
        found = journal.performance(warehouse, run_id="r1", now=NOW)
        again = journal.performance(warehouse, run_id="r2", now=NOW)
    assert len(found) == len({each["metric"] for each in found}) == 7
    assert {each["model_version"] for each in found} == {"v2"}
    values = {each["metric"]: each["value"] for each in found}
    assert values["accuracy"] == pytest.approx(0.8)
    assert values["pending_estimated_accuracy"] == pytest.approx((5 * 0.7 + 15 * 0.6) / 20)
    assert {each["metric"] for each in found if each["is_estimate"]} == {
        "matured_estimated_accuracy", "pending_estimated_accuracy", "pending_estimated_brier_score",
    }  # fmt: skip
    about = {name: found[0][name] for name in ("cohorts_from", "cohorts_until", "pending_count")}
    assert about == {
        "cohorts_from": str(date(2023, 12, 4)),
        "cohorts_until": str(date(2024, 1, 8)),
        "pending_count": 20,
    }
    assert [each["id"] for each in again] == [each["id"] for each in found]


def test_a_missing_warehouse_is_one_clear_line(tmp_path: Path) -> None:
    done = FORKS.run(
        [sys.executable, "-m", "ml.monitoring", "--db", tmp_path / "none.duckdb",
         "--journal", tmp_path / "j.jsonl", "--run-id", "r"],
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "there is no warehouse at" in done.stderr
    assert not (tmp_path / "j.jsonl").exists()
