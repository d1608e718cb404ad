"""The log: every line whole or ignored, whatever happens to the writer or the file."""

import errno
import hashlib
import json
import os
import signal
from dataclasses import asdict
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.serving import log
from ml.serving.log import LOG_FILE, LogError, Prediction
from tests.ml.serving.made import made


def whole(folder: Path) -> list[Prediction]:
    return [line.prediction for line in log.read(folder) if line.prediction]


def damaged(folder: Path) -> list[str]:
    return [line.place for line in log.read(folder) if not line.prediction]


@given(
    client=st.text(min_size=1), probability=st.floats(0, 1),
    entity=st.integers(-(2**63), 2**63 - 1), moments=st.tuples(st.datetimes(), st.datetimes()),
)  # fmt: skip
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    client: str,
    probability: float,
    entity: int,
    moments: tuple[datetime, datetime],
) -> None:
    folder = tmp_path_factory.mktemp("log")
    snapshot, predicted = moments
    prediction = made(
        1, client=client, predicted_probability=probability, entity_id=entity,
        snapshot_at=snapshot, predicted_at=predicted,
    )  # fmt: skip
    log.append(folder, prediction)
    assert whole(folder) == [prediction]


def test_a_line_torn_anywhere_is_ignored_and_spoils_no_other(tmp_path: Path) -> None:
    for number in (1, 2):
        log.append(tmp_path, made(number))
    content = (tmp_path / LOG_FILE).read_bytes()
    first = content.index(b"\n") + 1
    edges = (first - 2, first - 1, first, first + 1, len(content) - 1, len(content))
    for length in sorted({*range(0, len(content), 29), *edges}):
        (tmp_path / LOG_FILE).write_bytes(content[:length])
        before = [made(number) for number in (1, 2)][: (length >= first) + (length == len(content))]
        assert whole(tmp_path) == before
        log.append(tmp_path, made(3))
        # all but the line break was there: closed by the next line, it is whole after all
        found = whole(tmp_path)
        kept = content[:length].count(b"}")
        assert found == [*(made(number) for number in (1, 2)[:kept]), made(3)]
        torn = length not in (0, first - 1, first, len(content) - 1, len(content))
        assert len(damaged(tmp_path)) == torn


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_never_makes_another_prediction(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log.append(folder, made(1))
    content = bytearray((folder / LOG_FILE).read_bytes())
    content[place % len(content)] = byte
    (folder / LOG_FILE).write_bytes(content)
    assert set(whole(folder)) <= {made(1)}


def test_a_line_of_before_skill_was_told_is_read(tmp_path: Path) -> None:
    prediction = made(1)
    values = asdict(prediction) | {
        name: getattr(prediction, name).isoformat() + "+00:00"
        for name in ("snapshot_at", "predicted_at")
    }
    del values["skill_state"]
    content = json.dumps(values).encode().removesuffix(b"}")
    digest = hashlib.sha256(content).hexdigest().encode()
    (tmp_path / LOG_FILE).write_bytes(content + b', "sha256": "' + digest + b'"}\n')
    assert whole(tmp_path) == [prediction]


@pytest.mark.parametrize(
    "line", [b"{}", b"null", b"[" * 100_000, b"\xff\xfe", b"\x00" * 4096, b'{"prediction_id": "a"}']
)
def test_foreign_lines_are_ignored_and_named(tmp_path: Path, line: bytes) -> None:
    log.append(tmp_path, made(1))
    with (tmp_path / LOG_FILE).open("ab") as file:
        file.write(line + b"\n")
    log.append(tmp_path, made(2))
    assert whole(tmp_path) == [made(1), made(2)]
    assert damaged(tmp_path) == [f"{tmp_path / LOG_FILE}:2"]


def test_a_renamed_log_is_read_beside_the_new_one(tmp_path: Path) -> None:
    log.append(tmp_path, made(1))
    (tmp_path / LOG_FILE).rename(tmp_path / f"{LOG_FILE}.1")
    log.append(tmp_path, made(2))
    (tmp_path / "predictions.jsonl.2.gz").write_bytes(b"compressed\n")
    assert sorted(each.entity_id for each in whole(tmp_path)) == [1, 2]
    assert damaged(tmp_path) == []


def test_without_a_log_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert list(log.read(tmp_path / "none")) == []


def test_a_full_disk_leaves_nothing_of_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(tmp_path, made(1))
    before = (tmp_path / LOG_FILE).read_bytes()
    write = os.write

    def full(file: int, line: bytes) -> int:
        if len(line) < 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, line[: len(line) - 50])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(LogError, match="No space left on device"):
        log.append(tmp_path, made(2))
    assert (tmp_path / LOG_FILE).read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "online").write_text("a file in its place")
    with pytest.raises(LogError, match="online"):
        log.append(tmp_path / "online", made(1))


def append_without_end(folder: Path, start: int, out: int) -> None:
    for number in range(start, start + 100_000):
        log.append(folder, made(number))
        os.write(out, f"{number}\n".encode())


class Writer:
    """A fork of this process that appends until it is killed, and what it reports."""

    def __init__(self, folder: Path, start: int) -> None:
        out, into = os.pipe()
        self.process = get_context("fork").Process(
            target=append_without_end, args=(folder, start, into)
        )
        self.process.start()
        os.close(into)
        self.reported = os.fdopen(out)


def test_killed_writers_leave_what_they_reported_and_nothing_torn(tmp_path: Path) -> None:
    """Several writers at once; each is killed, as by `kill -9`, after a few lines."""
    reported: set[int] = set()
    for start in (1_000_000, 2_000_000, 3_000_000), (4_000_000, 5_000_000, 6_000_000):
        writers = [Writer(tmp_path, first) for first in start]
        for writer in writers:
            reported |= {int(writer.reported.readline()) for _ in range(20)}
        for writer in writers:
            writer.process.kill()
        for writer in writers:
            with writer.reported as rest:
                reported |= {int(line) for line in rest if line[-1] == "\n"}
            writer.process.join()
            assert writer.process.exitcode == -signal.SIGKILL
    found = [each.entity_id for each in whole(tmp_path)]
    assert len(found) == len(set(found))
    assert reported <= set(found)
    assert len(found) <= len(reported) + 6
    assert damaged(tmp_path) == []
