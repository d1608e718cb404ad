"""Entry point of `python -m ml.pages`."""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ml.containment import concerns_all, describe
from ml.errors import PARTLY_DONE, MlError
from ml.pages import monitoring
from ml.pages.experiments import write_experiments
from ml.pages.releases import write_releases
from ml.pages.render import render, write
from ml.pages.report import write_report
from ml.warehouse import Warehouse, read_warehouse


class Page(NamedTuple):
    """How a page is made, and the table that people can ask when it is not there."""

    make: Callable[[Warehouse, Path], None]
    table: str


# Every page by its folder in the site; it is made from the published warehouse alone.
PAGES = {
    "report": Page(write_report, "ml.model_metrics"),
    "experiments": Page(write_experiments, "insights.experiment_readout"),
    "releases": Page(write_releases, "insights.release_decisions"),
    "monitoring": Page(monitoring.make_page, "insights.drift_status"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the pages asked for, all of them by default.

    Returns:
        0; 2 for a wrong call; 3 (PARTLY_DONE) when a bug ended some pages: in place of each lies
        one that says so.
    """
    parser = argparse.ArgumentParser(prog="python -m ml.pages", description="Makes pages.")
    parser.add_argument("pages", nargs="*", help="any of: " + ", ".join(PAGES))
    parser.add_argument("--db", type=Path, required=True, help="published warehouse, only read")
    parser.add_argument("--site", type=Path, required=True, help="folder of the site")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.pages) - set(PAGES)):
        parser.error(f"no such page: {', '.join(unknown)}; there are {', '.join(PAGES)}")
    failed = []
    try:
        with read_warehouse(options.db) as warehouse:
            for name in options.pages or PAGES:
                if not _make(name, warehouse, options.site / name):
                    failed.append(name)
    except MlError as error:
        print(f"pages: {error}", file=sys.stderr)
        return 2
    if failed:
        print(f"pages: a bug ended the making of: {', '.join(failed)}", file=sys.stderr)
        return PARTLY_DONE
    return 0


def _make(name: str, warehouse: Warehouse, folder: Path) -> bool:
    """Makes one page, or one that says why it is missing; the others are not concerned."""
    started, outcome = time.perf_counter(), ""
    try:
        PAGES[name].make(warehouse, folder)
    except Exception as error:
        if concerns_all(error):
            raise
        traceback.print_exc(file=sys.stderr)
        reason, table = describe(error), PAGES[name].table
        values = {"name": name, "as_of": warehouse.as_of(), "reason": reason, "table": table}
        write(folder / "index.html", render("failed.html.jinja", **values))
        outcome = f"FAILED because of a bug: {reason} "
    seconds = time.perf_counter() - started
    print(f"{'pages':<10} {outcome}({seconds:.1f} s) -> {folder / 'index.html'}")
    return not outcome


if __name__ == "__main__":
    sys.exit(main())
