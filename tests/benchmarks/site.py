"""Measures the pages of a finished run in Chromium, without a network; writes docs/site.md.

`python -m tests.benchmarks.site WAREHOUSE SITE` after a run of SCALE=10.
"""

import resource
import shutil
import sys
from pathlib import Path
from statistics import median
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

from pages.__main__ import main as make_pages
from pages.registry import PAGES
from tests.benchmarks.whole_run import ROOT, write_section

DOC = ROOT / "docs" / "site.md"
VISITS = 5
# Tasks that block longer than 50 ms, as browsers report them, and when the first table or chart can
# be used.
WATCH = """
    window.blocked = [0];
    new PerformanceObserver((list) => list.getEntries().forEach((each) =>
        window.blocked.push(each.duration))).observe({ type: "longtask", buffered: true });
"""


class Visit(NamedTuple):
    """What one visit of a page took, in milliseconds."""

    first_paint: float
    interactive: float
    longest_task: float


def visit(browser: Browser, page: Path) -> Visit:
    """Opens a page in a fresh tab."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, offline=True)
    tab = context.new_page()
    tab.add_init_script(WATCH)
    tab.goto(page.as_uri())
    if tab.locator("table.data").count():
        tab.locator("table.data").first.scroll_into_view_if_needed()
        tab.wait_for_selector(".table-controls", state="attached")
    interactive = tab.evaluate("performance.now()")
    tab.wait_for_timeout(300)
    paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    blocked = tab.evaluate("Math.max(...window.blocked)")
    context.close()
    return Visit(paint, interactive, blocked)


def main() -> None:
    """Makes the pages anew, visits each, and writes the table of the docs."""
    warehouse, site = map(Path, sys.argv[1:3])
    before = resource.getrusage(resource.RUSAGE_SELF)
    docs = next((warehouse / "build").rglob("static_index.html"))
    make_pages(["--warehouse", str(warehouse), "--site", str(site), "--docs", str(docs)])
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    rows = [
        f"All pages: {cpu:.1f} CPU s, {size / 1e6:.0f} MB with scripts, dbt docs and lineage.",
        "",
        "| page | kB | first paint ms | interactive ms | longest task ms |",
        "|---|---|---|---|---|",
    ]
    projects = sorted((site / "projects").glob("[0-9]*.html"), key=lambda each: each.stat().st_size)
    pages = [(page.title, site / page.path) for page in PAGES]
    pages += [("Project (the largest)", each) for each in projects[-1:]]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        visit(browser, site / "index.html")  # warms the caches of the disk
        for title, path in pages:
            visits = [visit(browser, path) for _ in range(VISITS)]
            figures = (median(each) for each in zip(*visits, strict=True))
            shown = " | ".join(f"{each:.0f}" for each in figures)
            rows.append(f"| {title} | {path.stat().st_size / 1000:.0f} | {shown} |")
            print(rows[-1], flush=True)
        browser.close()
    DOC.write_text(write_section(DOC.read_text(), "figures", "\n".join(rows)))


if __name__ == "__main__":
    main()
