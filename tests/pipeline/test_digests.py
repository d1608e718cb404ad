"""What is due is decided by content: a digest holds exactly as long as the file is the same."""

import os
import shutil
import time
from pathlib import Path

import pytest

from pipeline import digests
from pipeline.digests import MISSING, Digests, stamp

LONG_AGO = (1_600_000_000, 1_600_000_000)
RACY_NS = digests.RACY_NS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is read while it is old enough to be remembered."""
    path = tmp_path / "file"
    path.write_text("first")
    return path


@pytest.fixture(autouse=True)
def _remembers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # the change time of a file made just now cannot be set back
    monkeypatch.setattr(digests, "RACY_NS", -(10**12))


def test_another_content_with_the_same_size_and_time_is_seen(file: Path, tmp_path: Path) -> None:
    os.utime(file, LONG_AGO)
    known = Digests(tmp_path / "digests.json")
    before = known.of_file(file)
    known.save()
    file.write_text("other")
    os.utime(file, LONG_AGO)
    again = Digests(tmp_path / "digests.json")
    assert again.of_file(file) != before


def test_a_restored_older_file_is_seen(file: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.write_text("older")
    os.utime(older, LONG_AGO)
    known = Digests(tmp_path / "digests.json")
    before = known.of_file(file)
    shutil.copy2(older, file)
    assert known.of_file(file) != before


def test_a_touched_file_has_the_same_digest(file: Path, tmp_path: Path) -> None:
    known = Digests(tmp_path / "digests.json")
    before = known.of_file(file)
    os.utime(file)
    assert known.of_file(file) == before


def test_an_unchanged_file_is_read_once(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Digests(tmp_path / "digests.json")
    before = known.of_file(file)
    known.save()
    again = Digests(tmp_path / "digests.json")
    monkeypatch.setattr(Path, "open", None)
    assert again.of_file(file) == before


@pytest.mark.parametrize(("seconds", "is_read_again"), [(0, True), (1, True), (3, False)])
def test_a_file_that_changed_just_now_is_read_again(
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    *,
    is_read_again: bool,
) -> None:
    """Within the clock's resolution a second change leaves the same times."""
    monkeypatch.setattr(digests, "RACY_NS", RACY_NS)
    found = os.stat(file)
    with monkeypatch.context() as frozen:
        frozen.setattr(os, "stat", lambda *_, **__: found)
        frozen.setattr(time, "time_ns", lambda: found.st_ctime_ns + seconds * 10**9)
        known = Digests(tmp_path / "digests.json")
        before = known.of_file(file)
        file.write_text("later")
        after = known.of_file(file)
    assert (after != before) is is_read_again


def test_names_count_and_order_does_not(tmp_path: Path) -> None:
    known = Digests(tmp_path / "digests.json")
    for folder, names in (("a", "xy"), ("b", "yx"), ("c", "xz")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text("same")
    first, second, third = (known.of_folder(tmp_path / name) for name in "abc")
    assert first == second != third
    assert known.of_folder(tmp_path / "none") == known.of_file(tmp_path / "none") == MISSING


@pytest.mark.parametrize("text", ["{half", "[]", '{"FILE": 5}', '{"FILE": "text"}', '{"FILE": {}}'])
def test_an_unreadable_memory_is_forgotten(file: Path, tmp_path: Path, text: str) -> None:
    memory = tmp_path / "digests.json"
    memory.write_text(text.replace("FILE", str(file)))
    known = Digests(memory)
    assert known.of_file(file) == Digests(tmp_path / "none").of_file(file)
    known.save()
    assert str(file) in memory.read_text()


def test_a_database_is_known_by_its_size_and_time(file: Path, tmp_path: Path) -> None:
    os.utime(file, LONG_AGO)
    before = stamp(file)
    assert stamp(shutil.copy2(file, tmp_path / "copy")) == before
    assert stamp(shutil.copy(file, tmp_path / "new")) != before
    file.write_text("other")
    assert stamp(file) != before
    assert stamp(tmp_path / "none") == MISSING
