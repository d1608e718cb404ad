"""Entry point of `python -m ml.online`."""

import argparse
import sys
import time
from pathlib import Path

from ml.errors import MlError
from ml.online.collect import Collected, collect
from ml.warehouse import open_warehouse


def main() -> int:
    """Takes the log in; returns 0, or 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python -m ml.online", description="Takes the log of online predictions in."
    )
    parser.add_argument("--db", type=Path, required=True, help="warehouse file to add to")
    parser.add_argument("--log", type=Path, required=True, help="folder of the log")
    parser.add_argument("--run-id", required=True, help="name of the run, kept with its rows")
    options = parser.parse_args()
    started = time.perf_counter()
    try:
        with open_warehouse(options.db) as warehouse:
            lines = _lines(collect(warehouse, options.log, run_id=options.run_id))
    except MlError as error:
        print(f"online: {error}", file=sys.stderr)
        return 2
    lines[0] += f" ({time.perf_counter() - started:.1f} s)"
    for number, line in enumerate(lines):
        print(f"{'' if number else 'online':<10} {line}")
    return 0


def _lines(result: Collected) -> list[str]:
    lines = [
        f"predictions in the log: {result.added_count:,} new, {result.known_count:,} known"
        " -> ml.predictions"
    ]
    if result.damaged_count:
        lines.append(
            f"lines that are not whole, ignored: {result.damaged_count:,},"
            f" the first one is {result.first_damaged}"
        )
    for version, count in result.foreign.items():
        lines.append(f"by {version}, not trained for this warehouse, left in the log: {count:,}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
