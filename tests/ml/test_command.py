"""The frame of the commands: lines, headings, exit codes."""

import re
import time

import pytest

from ml.command import fitted, guarded, show, timed
from ml.errors import MlError


def test_an_error_of_the_caller_is_one_line_and_its_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails() -> int:
        raise MlError("no such file: make run")

    assert guarded("tune", fails) == 2
    assert capsys.readouterr().err == "tune: no such file: make run\n"


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        guarded("tune", lambda: 1 // 0)


def test_the_first_line_stands_under_the_heading(capsys: pytest.CaptureFixture[str]) -> None:
    assert show("train", iter(["one", "two"])) == 0
    assert capsys.readouterr().out == "train      one\n           two\n"


def test_the_last_line_has_the_time() -> None:
    first, last = timed(["one", "two"], time.perf_counter())
    assert first == "one"
    assert re.fullmatch(r"two \(\d+\.\d s\)", last)


def test_long_lines_are_broken_between_words() -> None:
    lines = fitted(["short", " ".join(["word-and-word"] * 12)])
    assert lines[0] == "short"
    assert max(map(len, lines)) <= 109
    assert " ".join(line.strip() for line in lines[1:]) == " ".join(["word-and-word"] * 12)
