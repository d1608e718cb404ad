"""Measures the pages of a finished run in Chromium, without a network; writes docs/site.md.

`python -m tests.benchmarks.site WAREHOUSE SITE` after a run of SCALE=10.
"""

import json
import os
import resource
import shutil
import sys
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from playwright.sync_api import Browser, sync_playwright

from pages.__main__ import main as make_pages
from pages.registry import ASSETS, PAGES
from tests.benchmarks.whole_run import ROOT, write_section

DOC = ROOT / "docs" / "site.md"
VISITS = 5
# By its own time on a processor a task is as long as on a machine that does nothing else.
TRACED = ["toplevel", "devtools.timeline"]


class Visit(NamedTuple):
    """What one visit of a page took, in milliseconds: its longest task by its own CPU time."""

    first_paint: float
    interactive: float
    longest_task: float


def visit(browser: Browser, page: Path) -> Visit:
    """Opens a page in a fresh tab."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, offline=True)
    tab = context.new_page()
    browser.start_tracing(page=tab, categories=TRACED)
    tab.goto(page.as_uri())
    if tab.locator("table.data").count():
        tab.locator("table.data").first.scroll_into_view_if_needed()
        tab.wait_for_selector(".table-controls", state="attached")
    interactive = tab.evaluate("performance.now()")
    tab.wait_for_timeout(300)
    paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    events = json.loads(browser.stop_tracing())["traceEvents"]
    context.close()
    return Visit(paint, interactive, longest_task(events))


def longest_task(events: list[dict[str, Any]]) -> float:
    """Returns the longest task of the thread in which the page's own script ran."""
    threads = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "EvaluateScript"
        and each["args"]["data"]["url"].endswith(f"/{ASSETS}/site.js")
    }
    return max(
        each["tdur"] / 1000
        for each in events
        if each["name"].endswith("RunTask")
        and "tdur" in each
        and (each["pid"], each["tid"]) in threads
    )


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
        f"All pages: {cpu:.1f} CPU s, {size / 1e6:.0f} MB with scripts, dbt docs and lineage. Load"
        f" average of the {os.cpu_count()} cores: {os.getloadavg()[1]:.0f}.",
        "",
        "| page | kB | first paint ms | interactive ms | longest task CPU ms |",
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
