"""Removes what can be made again: `python -m pipeline.clean WAREHOUSE SITE`."""

import shutil
import sys
from contextlib import suppress

from pages.registry import FOLDERS
from pipeline.errors import DONE, CallError
from pipeline.lock import locked
from pipeline.paths import DBT_PROJECT, PROJECT, REMADE, Paths

CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache")


def main() -> int:
    """Cleans from the command line and returns the exit code."""
    paths = Paths.at(*sys.argv[1:])
    try:
        clean(paths)
    except CallError as error:
        print(f"{'clean':<10} {error}", file=sys.stderr)
        return error.code
    kept = f"; {paths.published} stays" if paths.published.exists() else ""
    print(f"{'clean':<10} removed the build area, generated data and pages{kept}")
    return DONE


def clean(paths: Paths) -> None:
    """Removes build area, landed and generated data, and pages.

    Raises:
        CallError: A run writes the warehouse, or the pages lie among its files.
    """
    paths.check()
    if paths.root.exists():
        with locked(paths.root):
            for name in REMADE:
                shutil.rmtree(paths.root / name, ignore_errors=True)
    # others may write into the folder as well: only the pages are ours
    for folder in FOLDERS:
        shutil.rmtree(paths.site / folder, ignore_errors=True)
    with suppress(OSError):
        (paths.site / "index.html").unlink()
    with suppress(OSError):  # it holds something else
        paths.site.rmdir()
    for cache in (DBT_PROJECT / "target", *(PROJECT / name for name in CACHES)):
        shutil.rmtree(cache, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
