"""What a run for one more day costs, and what many leave behind: writes docs/how-it-scales.md.

`python -m tests.benchmarks.days`
"""

import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.whole_run import SCALES, copy_repository, measure, write_section

SETTING = "train_every_days = "  # of ml/models.toml
# SCALE, the setting, and for how many days in turn the pipeline runs
SERIES = ((1, 0, 20), (100, 0, 2), (100, 7, 2), (1000, 7, 2))
LAST = date(2023, 12, 30)  # of a generated platform that ends with 2023


class Day(NamedTuple):
    """CPU seconds of a run for one day; MB of the published file and of model files after it."""

    cpu: float
    published: float
    models: float


def run_days(scale: int, rest: int, count: int) -> list[Day]:
    """Runs a copy of the repository for some days in turn, each from the history of the last."""
    with tempfile.TemporaryDirectory() as name:
        folder, days = Path(name), []
        copy_repository(folder)
        settings = folder / "ml" / "models.toml"
        text = settings.read_text()
        assert f"\n{SETTING}" in text
        settings.write_text(text.replace(f"\n{SETTING}", f"\n{SETTING}{rest} # ", 1))
        for before in reversed(range(count)):
            as_of = LAST - timedelta(days=before)
            command = f"{sys.executable} -m pipeline run SCALE={scale} AS_OF={as_of}"
            cpu = measure(command, folder).cpu
            warehouse = folder / "warehouse"
            files = filter(Path.is_file, (warehouse / "models").rglob("*"))
            models = [each.stat().st_size for each in files]
            published = (warehouse / "escrow.duckdb").stat().st_size
            days.append(Day(cpu, published / 1e6, sum(models) / 1e6))
            print(scale, rest, as_of, *(f"{figure:.1f}" for figure in days[-1]), flush=True)
    return days


def row(scale: int, rest: int, days: list[Day]) -> str:
    """Returns the row of a series; of many days the last five are taken together."""
    first, later = days[0], days[-1:] if len(days) < 10 else days[-5:]
    last = sum(day.cpu for day in later) / len(later)
    files = " | ".join(f"{each:,.0f}" for each in (*first[1:], *days[-1][1:]))
    return (
        f"| {scale:,} | {rest} | {len(days)} | {first.cpu:.1f} | {last:.1f} |"
        f" {last / first.cpu:.0%} | {files} |".replace("%", " %")
    )


def main() -> None:
    """Measures all series and writes the table."""
    rows = [
        f"| SCALE | `{SETTING.split()[0]}` | days | CPU s of the first | of the last | share |"
        " published MB, first | model files MB | published MB, last | model files MB |",
        "|---" * 10 + "|",
    ]
    rows += [row(scale, rest, run_days(scale, rest, count)) for scale, rest, count in SERIES]
    SCALES.write_text(write_section(SCALES.read_text(), "days", "\n".join(rows)))


if __name__ == "__main__":
    main()
