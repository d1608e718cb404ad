"""Makes the pages of the site: `python -m pages --warehouse DIR --site DIR [PAGE …]`."""

import argparse
import sys
import textwrap
import time
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from pages import assets, catalogue, frame, links, validation
from pages.published import MachineError, PagesError, Published, open_published
from pages.registry import PAGES, Page
from pages.site import Site

_WIDTH = 120
PARTLY_DONE = 3  # exit code, as everywhere: done, but a unit failed because of a bug


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the pages asked for, all of them by default.

    Returns:
        0; 2 for a wrong call; 3 (PARTLY_DONE) when a bug ended some pages: in place of each lies
        one that says so.
    """
    by_name = {page.name: page for page in PAGES}
    parser = argparse.ArgumentParser(prog="python -m pages", description="Makes pages.")
    parser.add_argument("pages", nargs="*", help="any of: " + ", ".join(by_name))
    parser.add_argument("--warehouse", type=Path, required=True, help="folder, only read")
    parser.add_argument("--site", type=Path, required=True, help="folder of the site")
    parser.add_argument("--docs", type=Path, help="dbt's static page, beside its manifest")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.pages) - set(by_name)):
        parser.error(f"no such page: {', '.join(unknown)}; there are {', '.join(by_name)}")
    failed, started = [], time.perf_counter()
    names = options.pages or list(by_name)
    try:
        with open_published(options.warehouse / "escrow.duckdb") as published:
            published.dbt_docs = options.docs
            _check_inputs(published, names)
            site = Site(options.site, frame.read(published), links.read(published))
            assets.install(options.site)
            # the overview comes last: when it is there, so is what it links
            for name in reversed(names):
                if not _make(by_name[name], published, site):
                    failed.append(name)
    except PagesError as error:
        print(f"pages: {error}", file=sys.stderr)
        return 2
    made = ", ".join(name for name in names if name not in failed)
    seconds = time.perf_counter() - started
    _show(f"{made or 'none'} ({seconds:.1f} s) -> {_short(options.site)}")
    if failed:
        print(f"pages: a bug ended the making of: {', '.join(failed)}", file=sys.stderr)
        return PARTLY_DONE
    return 0


def _check_inputs(published: Published, names: Sequence[str]) -> None:
    """Looks for what lies beside the warehouse, before any page of the site is replaced."""
    if "catalogue" in names:
        catalogue.check_docs(published)
    if "validation" in names:
        validation.read(published.validation_report)


def _make(page: Page, published: Published, site: Site) -> bool:
    """Makes one page, or one that says why it is missing; the others are not concerned."""
    try:
        import_module(page.module).write(published, site)
    except Exception as error:
        if _concerns_all(error):
            raise
        traceback.print_exc(file=sys.stderr)
        reason = _described(error)
        site.write(page.path, "failed.html.jinja", page=page, reason=reason)
        _show(f"{page.name} FAILED because of a bug: {reason} -> {_short(site.root / page.path)}")
        return False
    return True


def _show(line: str) -> None:
    """Prints a line that fits the screen."""
    line = f"{'pages':<10} {line}"
    indent = " " * 13
    parts = textwrap.wrap(line, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)
    print("\n".join(parts))


def _short(path: Path) -> Path:
    path = path.resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _concerns_all(error: Exception) -> bool:
    """Says whether an error ends the run: the caller's to put right, or the machine's."""
    return isinstance(error, (PagesError, OSError, MemoryError, *MachineError))


def _described(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
