"""What the pipeline shows people: lines that fit the screen, and that a long stage is alive."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TextIO

WIDTH = 120
MARGIN = 11  # the name of the stage stands there, in the first line
_FIRST_SECONDS = 3.0
_TERMINAL_SECONDS = 1.0
_LOG_FACTOR = 3.0  # a log gets a line after 3, 9, 27 ... seconds: few, however long a stage takes
_CLEAR_LINE = "\033[K"


class Process(Protocol):
    """What is waited for."""

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit code, or raises `subprocess.TimeoutExpired`."""
        ...


def show(stage: str, *lines: str) -> None:
    """Prints what a stage did; its name stands in front of the first line."""
    fitted = [part for line in lines for part in fit(line)]
    for number, line in enumerate(fitted):
        print(f"{'' if number else stage:<{MARGIN - 1}} {line}", flush=True)


def fit(line: str) -> list[str]:
    """Breaks a line where it would leave the screen."""
    width = WIDTH - MARGIN
    return textwrap.wrap(line, width, subsequent_indent="  ", break_on_hyphens=False)


def short(path: Path) -> Path:
    """Returns a path relative to the current folder where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def wait(
    process: Process,
    name: str,
    *,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Waits for a stage's process and returns its exit code; shows that a long one is alive.

    On a terminal a marker stands in the last line, and whatever the stage prints replaces it. A log
    gets whole lines.
    """
    stream = stream or sys.stderr
    is_terminal = stream.isatty()
    started, due = clock(), _FIRST_SECONDS
    while True:
        try:
            code = process.wait(timeout=max(0.0, started + due - clock()))
            break
        except subprocess.TimeoutExpired:
            end = f"{_CLEAR_LINE}\r" if is_terminal else "\n"
            print(f"{name:<10} still running ({due:.0f} s)", end=end, file=stream, flush=True)
            due = due + _TERMINAL_SECONDS if is_terminal else due * _LOG_FACTOR
    if is_terminal and due > _FIRST_SECONDS:
        print(_CLEAR_LINE, end="", file=stream, flush=True)
    return code
