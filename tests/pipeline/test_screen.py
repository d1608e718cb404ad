"""What the pipeline shows: lines that fit the screen, and that a long stage is alive."""

import io
import subprocess
from pathlib import Path

import pytest

from pipeline import screen


class Clock:
    """A clock that a process moves on while it is waited for."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Process:
    """Ends with code 7 after some seconds on a clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._ends_at = clock, clock.now + seconds

    def wait(self, timeout: float | None = None) -> int:
        assert timeout is not None
        if self._clock.now + timeout < self._ends_at:
            self._clock.now += timeout
            raise subprocess.TimeoutExpired("stage", timeout)
        return 7


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def waited(seconds: float, stream: io.StringIO) -> str:
    clock = Clock()
    assert screen.wait(Process(clock, seconds), "features", stream=stream, clock=clock) == 7
    return stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_short_stage_shows_nothing_more(stream: io.StringIO) -> None:
    assert waited(2.9, stream) == ""


def test_a_log_gets_whole_lines_and_few_of_them() -> None:
    lines = waited(100, io.StringIO()).splitlines()
    assert lines == [f"features   still running ({seconds} s)" for seconds in (3, 9, 27, 81)]


def test_a_terminal_shows_one_line_that_goes_again() -> None:
    text = waited(5.5, Terminal())
    assert "\n" not in text
    assert [each.split("\033")[0] for each in text.split("\r")] == [
        *(f"features   still running ({seconds} s)" for seconds in (3, 4, 5)),
        "",
    ]
    assert text.endswith("\r\033[K")


def test_long_lines_are_broken_where_the_screen_ends(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/".join(["a-folder-with-a-long-name"] * 12)
    screen.show("publish", "200 dim_projects, " * 9 + f"-> /{path}", "short")
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("publish    200 dim_projects, ")
    assert all(line.startswith(" " * screen.MARGIN) for line in rest)
    assert all(len(line) <= screen.WIDTH for line in [first, *rest])
    assert rest[-1].split() == ["short"]


def test_paths_below_the_current_folder_are_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert screen.short(tmp_path / "warehouse" / "x") == Path("warehouse/x")
    assert screen.short(tmp_path.parent) == tmp_path.parent
