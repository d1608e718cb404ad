"""Entry point of `python -m ml.monitoring`."""

import argparse
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap

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
    options = parser.parse_args()
    started = time.perf_counter()
    try:
        with read_warehouse(options.db) as warehouse:
            found = journal.performance(warehouse, run_id=options.run_id, now=datetime.now(UTC))
        added = journal.append(options.journal, found)
    except MlError as error:
        print(f"monitoring: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"monitoring: {options.journal}: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if concerns_all(error):
            raise
        traceback.print_exc(file=sys.stderr)
        print("monitoring: a bug ended the journal; what is published stands", file=sys.stderr)
        return PARTLY_DONE
    seconds = time.perf_counter() - started
    path = options.journal.resolve()
    where = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    line = f"{'journal':<10} {added} new lines ({seconds:.1f} s) -> {where}"
    print("\n".join(wrap(line, 120, subsequent_indent=" " * 13, break_on_hyphens=False)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
