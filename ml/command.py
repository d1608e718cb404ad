"""The frame of every command of ml: lines for the screen, one clear line for an error."""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from textwrap import wrap
from typing import NoReturn

from ml.errors import MlError

_WIDTH = 109  # of 120 columns, the heading takes the others


class Parser(argparse.ArgumentParser):
    """An argument parser whose error is one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def whole_number(text: str) -> int:
    """Returns an id; `int` would take 1_9_5 and the digits of other scripts as well.

    Raises:
        ArgumentTypeError: The text is anything but digits, with or without a minus.
    """
    if not re.fullmatch("-?[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def guarded(name: str, work: Callable[[], int]) -> int:
    """Returns the exit code of the work; prints what the caller can put right as one line."""
    try:
        return work()
    except MlError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code


def show(heading: str, lines: Iterable[str]) -> int:
    """Prints lines as they come, the first one under a heading; returns exit code 0."""
    for number, line in enumerate(lines):
        print(f"{'' if number else heading:<10} {line}", flush=True)
    return 0


def timed(lines: list[str], started: float) -> list[str]:
    """Adds to the last line the seconds that have passed since `time.perf_counter` was read."""
    return [*lines[:-1], f"{lines[-1]} ({time.perf_counter() - started:.1f} s)"]


def fitted(lines: Iterable[str]) -> list[str]:
    """Breaks lines that would not fit 120 columns with the heading."""
    return [
        part
        for line in lines
        for part in wrap(line, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    ]


def short(path: Path) -> Path:
    """Returns a path relative to the current folder where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
