"""Lines of a worker reach the disk together, and no answer goes without its own."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ml.serving import log
from ml.serving.http.journal import Journal
from ml.serving.log import LogError
from tests.ml.serving.made import made


def test_lines_that_wait_together_are_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, written = log.append, []

    def noted(folder: Path, *predictions: Any) -> None:
        written.append(len(predictions))
        append(folder, *predictions)

    monkeypatch.setattr(log, "append", noted)

    async def add() -> None:
        journal = Journal(tmp_path)
        await asyncio.gather(*(journal.add(made(number)) for number in range(50)))
        assert len(list(log.read(tmp_path))) == 50
        await journal.add(made(50))

    asyncio.run(add())
    assert sum(written) == 51
    assert len(written) < 10
    assert [line.prediction for line in log.read(tmp_path)] == [made(each) for each in range(51)]


def test_a_log_that_fails_fails_those_who_wait_and_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "online"
    folder.write_text("no folder")

    async def add() -> None:
        journal = Journal(folder)
        waiting = [journal.add(made(number)) for number in range(3)]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in found] == [LogError] * 3
        folder.unlink()
        await journal.add(made(3))

    asyncio.run(add())
    assert [line.prediction for line in log.read(folder)] == [made(3)]


def test_a_caller_who_leaves_takes_no_other_with_him(tmp_path: Path) -> None:
    async def add() -> None:
        journal = Journal(tmp_path)
        leaving = asyncio.create_task(journal.add(made(0)))
        staying = asyncio.create_task(journal.add(made(1)))
        await asyncio.sleep(0)
        leaving.cancel()
        await staying
        assert leaving.cancelled() or leaving.done()
        await journal.add(made(2))

    asyncio.run(add())
    assert {each.prediction.entity_id for each in log.read(tmp_path) if each.prediction} == {
        0,
        1,
        2,
    }
