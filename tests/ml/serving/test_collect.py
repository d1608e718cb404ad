"""Taking the log in: every prediction once, whatever the log holds."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ml.context import RunContext
from ml.serving import collect, log
from ml.serving.collect import main
from ml.serving.log import LOG_FILE, Prediction
from ml.warehouse import open_warehouse
from tests.ml import ml_state
from tests.ml.serving.made import made

RUN = RunContext("run-1", datetime(2030, 1, 1))


@pytest.fixture
def warehouse(made_ml_state: None, tmp_path: Path) -> Path:
    """A warehouse that has trained version abc, skipped version def, and never heard of ghi."""
    path = tmp_path / "escrow.duckdb"
    with duckdb.connect(str(path)) as connection:
        ml_state.install(connection)
    with open_warehouse(path) as opened:
        opened.fetch(
            "insert into ml.model_runs by name select 'success' as model_name,"
            " unnest(['abc', 'def']) as model_version, unnest(['trained', 'skipped']) as status"
        )
    return path


def stored(path: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute("from ml.predictions order by entity_id").fetchall()


def row(prediction: Prediction) -> tuple[Any, ...]:
    names = (
        "prediction_id", "model_name", "model_version", "entity_id", "snapshot_at",
        "snapshot_kind", "predicted_probability", "predicted_label", "predicted_at",
    )  # fmt: skip
    key, *values = (getattr(prediction, name) for name in names)
    values.insert(3, prediction.snapshot_at)  # as_of
    return ("run-1", key, *values, "online", prediction.is_decided)


def test_each_prediction_is_taken_in_once(warehouse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "online"
    for number in (1, 2, 1):
        log.append(folder, made(number))
    with open_warehouse(warehouse) as opened:
        assert collect.run(folder, opened, RUN)[:2] == (2, 1)
        assert collect.run(folder, opened, RUN)[:2] == (0, 3)
        log.append(folder, made(3))
        log.append(folder, made(2))
        (folder / LOG_FILE).rename(folder / f"{LOG_FILE}.1")
        log.append(folder, made(3))
        log.append(folder, made(4))
        assert collect.run(folder, opened, RUN)[:2] == (2, 5)
    assert stored(warehouse) == [row(made(number)) for number in (1, 2, 3, 4)]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        kept = connection.execute("from ml.prediction_inputs order by all").fetchall()
    each = [made(number) for number in (1, 2, 3, 4)]
    assert kept == sorted((made.prediction_id, made.feature_values) for made in each)


def test_batches_do_not_matter(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.serving.collect.BATCH_ROWS", 2)
    for number in (1, 2, 1, 3, 2, 4, 1):
        log.append(tmp_path / "online", made(number))
    with open_warehouse(warehouse) as opened:
        assert collect.run(tmp_path / "online", opened, RUN)[:2] == (4, 3)
    assert len(stored(warehouse)) == 4


def test_an_unfinished_last_line_is_taken_in_when_it_is_whole(
    warehouse: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "online"
    log.append(folder, made(1))
    log.append(folder, made(2))
    content = (folder / LOG_FILE).read_bytes()
    (folder / LOG_FILE).write_bytes(content[:-40])
    with open_warehouse(warehouse) as opened:
        first = collect.run(folder, opened, RUN)
        (folder / LOG_FILE).write_bytes(content)
        second = collect.run(folder, opened, RUN)
    assert (first.added_count, first.damaged_count) == (1, 0)
    assert (second.added_count, second.known_count) == (1, 1)


def test_versions_of_another_platform_stay_in_the_log(warehouse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "online"
    for number, version in enumerate(("ghi", "abc", "def", "ghi")):
        log.append(folder, made(number, model_version=version))
    log.append(folder, made(9, model_name="risk"))
    with open_warehouse(warehouse) as opened:
        found = collect.run(folder, opened, RUN)
        assert found.added_count == 1
        assert found.foreign == {"success ghi": 2, "success def": 1, "risk abc": 1}
        opened.fetch("update ml.model_runs set status = 'trained'")
        assert collect.run(folder, opened, RUN)[:2] == (1, 1)


def test_the_command_says_what_it_did(
    warehouse: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "online"
    log.append(folder, made(1))
    with (folder / LOG_FILE).open("ab") as file:
        file.write(b"torn")
    log.append(folder, made(2, model_version="ghi"))
    arguments = ["online", "--db", str(warehouse), "--log", str(folder), "--run-id", "run-1"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "online     predictions in the log: 1 new, 0 known -> ml.predictions"
    )
    assert lines[1:] == [
        f"           lines that are not whole, ignored: 1, the first one is {folder / LOG_FILE}:2",
        "           by success ghi, not trained for this warehouse, left in the log: 1",
    ]
    warehouse.unlink()
    assert main() == 2
    assert "there is no warehouse" in capsys.readouterr().err
