"""What a stage shows people: lines that fit the screen, the stage's name before the first."""

import textwrap
from pathlib import Path

WIDTH = 120
MARGIN = 11  # the name of the stage stands there, in the first line


def show(stage: str, *lines: str) -> None:
    """Prints what a stage did."""
    fitted = [part for line in lines for part in fit(line)]
    for number, line in enumerate(fitted):
        print(f"{'' if number else stage:<{MARGIN - 1}} {line}", flush=True)


def fit(line: str) -> list[str]:
    """Breaks a line where it would leave the screen."""
    width = WIDTH - MARGIN
    return textwrap.wrap(line, width, subsequent_indent="    ", break_on_hyphens=False)


def short(path: Path) -> Path:
    """Returns a path relative to the current folder where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "warning"), counted(1200, "warning")
    ('1 warning', '1,200 warnings')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
