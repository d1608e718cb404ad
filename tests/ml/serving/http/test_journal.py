"""Lines of a worker are written together, and no answer goes without its own."""

import asyncio
import errno
import os
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

    def noted(folder: Path, *predictions: Any, **options: Any) -> None:
        written.append(len(predictions))
        append(folder, *predictions, **options)

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


class Disk:
    """A disk whose syncs are noted, and fail when told to."""

    def __init__(self) -> None:
        self.synced: list[int] = []
        self.is_broken = False

    def fsync(self, file: int) -> None:
        if self.is_broken:
            raise OSError(errno.EIO, "Input/output error")
        self.synced.append(os.fstat(file).st_size)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made_disk = Disk()
    monkeypatch.setattr(os, "fsync", made_disk.fsync)
    return made_disk


def test_lines_are_on_the_disk_at_the_end_and_in_between(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.serving.http.journal.SYNC_SECONDS", 3600)

    async def add() -> None:
        journal = Journal(tmp_path)
        await journal.add(made(0))
        assert disk.synced == []
        await journal.close()
        assert disk.synced == [(tmp_path / log.LOG_FILE).stat().st_size]
        await journal.close()
        assert len(disk.synced) == 1

    asyncio.run(add())
    monkeypatch.setattr("ml.serving.http.journal.SYNC_SECONDS", 0)

    async def add_and_wait() -> None:
        journal = Journal(tmp_path)
        await journal.add(made(1))
        async with asyncio.timeout(30):
            while len(disk.synced) < 2:
                await asyncio.sleep(0)

    asyncio.run(add_and_wait())
    assert disk.synced[1] == (tmp_path / log.LOG_FILE).stat().st_size


def test_after_the_disk_has_failed_no_answer_goes_without_it(
    tmp_path: Path, disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    async def add() -> None:
        journal = Journal(tmp_path)
        await journal.add(made(0))
        disk.is_broken = True
        await journal.close()
        for number in (1, 2):
            with pytest.raises(LogError, match="Input/output"):
                await journal.add(made(number))
        disk.is_broken = False
        await journal.add(made(3))
        assert len(disk.synced) == 1
        await journal.add(made(4))
        assert len(disk.synced) == 1

    asyncio.run(add())
    assert {each.prediction.entity_id for each in log.read(tmp_path) if each.prediction} == {
        0,
        3,
        4,
    }
    [line] = capsys.readouterr().err.splitlines()
    assert "Input/output error" in line


def test_whether_lines_can_be_written_is_asked_of_the_disk(tmp_path: Path, disk: Disk) -> None:
    journal = Journal(tmp_path)
    asyncio.run(journal.check())
    assert disk.synced == [0]
    disk.is_broken = True
    with pytest.raises(LogError, match="Input/output"):
        asyncio.run(journal.check())
