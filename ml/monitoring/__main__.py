"""Entry point of `python -m ml.monitoring`."""

import argparse
import sys
import time
import traceback
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ml.command import fitted, guarded, short, show, timed
from ml.containment import concerns_all
from ml.errors import PARTLY_DONE, MlError
from ml.monitoring import journal
from ml.warehouse import read_warehouse


def main() -> int:
    """Appends what the published models did; returns 0, 2 for a wrong call, 3 for a bug."""
    parser = argparse.ArgumentParser(prog="python -m ml.monitoring", description=journal.__doc__)
    parser.add_argument("--db", type=Path, required=True, help="published warehouse, only read")
    parser.add_argument("--journal", type=Path, required=True, help="file to append to")
    parser.add_argument("--run-id", required=True, help="name of the run, kept with its lines")
    try:
        return guarded("monitoring", partial(_append, parser.parse_args()))
    except Exception as error:
        if concerns_all(error):
            raise
        traceback.print_exc(file=sys.stderr)
        print("monitoring: a bug ended the journal; what is published stands", file=sys.stderr)
        return PARTLY_DONE


def _append(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    with read_warehouse(options.db) as warehouse:
        found = journal.performance(warehouse, run_id=options.run_id, now=datetime.now(UTC))
    try:
        added = journal.append(options.journal, found)
    except OSError as error:
        raise MlError(f"{options.journal}: {error}") from error
    line = f"{added} new lines -> {short(options.journal.resolve())}"
    return show("journal", fitted(timed([line], started)))


if __name__ == "__main__":
    sys.exit(main())
