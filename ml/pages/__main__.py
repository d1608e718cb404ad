"""Entry point of `python -m ml.pages`."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ml.errors import MlError
from ml.pages import monitoring
from ml.pages.experiments import write_experiments
from ml.pages.releases import write_releases
from ml.pages.report import write_report
from ml.warehouse import Warehouse, read_warehouse

# Every page by its folder in the site; it is made from the published warehouse alone.
PAGES: dict[str, Callable[[Warehouse, Path], None]] = {
    "report": write_report,
    "experiments": write_experiments,
    "releases": write_releases,
    "monitoring": monitoring.make_page,
}


def main() -> int:
    """Makes the pages asked for, all of them by default; returns 0, or 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m ml.pages", description="Makes pages.")
    parser.add_argument("pages", nargs="*", help="any of: " + ", ".join(PAGES))
    parser.add_argument("--db", type=Path, required=True, help="published warehouse, only read")
    parser.add_argument("--site", type=Path, required=True, help="folder of the site")
    options = parser.parse_args()
    if unknown := sorted(set(options.pages) - set(PAGES)):
        parser.error(f"no such page: {', '.join(unknown)}; there are {', '.join(PAGES)}")
    try:
        with read_warehouse(options.db) as warehouse:
            for name in options.pages or PAGES:
                started = time.perf_counter()
                PAGES[name](warehouse, options.site / name)
                seconds = time.perf_counter() - started
                print(f"{'pages':<10} ({seconds:.1f} s) -> {options.site / name / 'index.html'}")
    except MlError as error:
        print(f"pages: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
