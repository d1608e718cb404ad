"""The command: what it prints, what it refuses, and how it exits."""

import sys
from pathlib import Path

import pytest

from generator import cli
from generator.config import SimulationConfig


def test_it_says_what_it_wrote_and_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "world"
    assert cli.main(["--out", str(out), "--seed", "3"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("generate   50 creators, 500 backers, 200 projects, ")
    assert captured.out.split()[-2:] == ["->", str(out)]
    assert all(len(line) <= 120 for line in captured.out.splitlines())
    assert captured.err == ""
    assert (out / "pledges.csv").exists()


def test_large_worlds_are_parquet(tmp_path: Path) -> None:
    assert cli.main(["--out", str(tmp_path / "world"), "--scale", "10"]) == 0
    assert (tmp_path / "world" / "pledges.parquet").exists()


@pytest.mark.parametrize("scale", ["0", "-1", "1.5", "many", "", "1e3"])
def test_a_bad_scale_is_named(
    tmp_path: Path, scale: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--out", str(tmp_path / "world"), f"--scale={scale}"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert f"SCALE must be an integer >= 1, got {scale!r}" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_scenario_lists_the_known_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--out", str(tmp_path / "world"), "--scenario", "boom"]) == 2
    known = "steady, new_category, price_shift, quality_drop, bot_pledges, tide"
    assert capsys.readouterr().err == f"generate: scenario must be one of {known}: 'boom'\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--scale=100001", "scale must lie between 1 and 100000, got 100001"),
        (f"--seed={2**63}", f"seed must lie between 0 and 9.22337e+18, got {2**63}"),
    ],
)
def test_an_impossible_world_is_named_before_anything_is_written(
    tmp_path: Path, option: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--out", str(tmp_path / "world"), "--truth", str(tmp_path / "truth"), option]
    assert cli.main(call) == 2
    assert capsys.readouterr().err == f"generate: {message}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "world"
    assert cli.main(["--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"generate: cannot write {out}: ")
    assert error.count("\n") == 1


class Terminal:
    """A stream that claims to be a terminal and remembers what was shown."""

    def __init__(self) -> None:
        self.shown = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.shown += text
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


def test_progress_is_shown_on_a_terminal_in_long_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(cli, "QUIET_SECONDS", 0.0)
    config = SimulationConfig(scale=2, block_scale=1)
    cli.generate(config, tmp_path / "world", "csv")
    assert "50% of 2 blocks" in terminal.shown
    assert terminal.shown.endswith("\n")
    monkeypatch.setattr(cli, "QUIET_SECONDS", 3600.0)
    terminal.shown = ""
    cli.generate(config, tmp_path / "world", "csv")
    assert terminal.shown == ""
