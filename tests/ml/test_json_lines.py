"""Lines of a shared file: whole or not there, whatever a writer before has left."""

import errno
import os
from pathlib import Path

import pytest

from ml import json_lines


def test_a_torn_line_is_closed_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lines.jsonl"
    with json_lines.opened(path) as file:
        json_lines.write(file, b"first\n")
    with path.open("ab") as torn:
        torn.write(b"tor")
    assert list(json_lines.whole_lines(path)) == [(1, b"first\n")]
    with json_lines.opened(path) as file:
        json_lines.write(file, b"second\nthird\n")
    assert path.read_bytes() == b"first\ntor\nsecond\nthird\n"


def test_a_failed_write_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"first\nto")
    write = os.write

    def full(file: int, lines: bytes) -> int:
        if len(lines) < 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, lines[:4])

    monkeypatch.setattr(os, "write", full)
    with json_lines.opened(path) as file, pytest.raises(OSError, match="No space"):
        json_lines.write(file, b"second\n")
    assert path.read_bytes() == b"first\nto"


def test_nothing_to_write_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"to")
    with json_lines.opened(path) as file:
        json_lines.write(file, b"")
    assert path.read_bytes() == b"to"
