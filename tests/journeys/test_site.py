"""The site in a real browser, without a network: on a desk and on a phone, by day and by night."""

import codecs
import csv
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Page as Tab

from pages.projects import LISTED
from pages.registry import DBT_DOCS, LINEAGE, PAGES
from tests.journeys.clone import Clone, needs_make

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.journey,
    needs_make,
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium, which .ci/run installs"),
]
NARROW = {"width": 320, "height": 640}
PORTRAIT, LANDSCAPE = 703, 1032  # pixels between the margins of A4
DESK, PHONE = {"width": 1400, "height": 1000}, {"width": 390, "height": 844}
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def site(product: Clone) -> Path:
    return product.folder / "site"


class Visit:
    """A page in a tab of its own, with what it complained of and asked for."""

    def __init__(self, browser: Browser, size: dict[str, int], scheme: str) -> None:
        self._context = browser.new_context(
            viewport=size, color_scheme=scheme, offline=True, accept_downloads=True
        )
        self.tab: Tab = self._context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("console", self._listen)
        self.tab.on("request", lambda request: self.requests.append(request.url))

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, address: str) -> Tab:
        self.tab.goto(address)
        self.tab.wait_for_load_state("load")
        return self.tab

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()


def addresses(site: Path, product: Clone) -> list[str]:
    """Every page of the registry, and one of each kind that stands for many."""
    [(live, creator)] = product.ask(
        "select project_id, creator_id from core.dim_projects where project_status = 'live'"
        " order by project_id limit 1"
    )
    [(old,)] = product.ask(
        "select project_id from core.dim_projects order by deadline_at, project_id limit 1"
    )
    others = (f"projects/{live}.html", f"projects/any.html#{old}", f"creators/{creator}.html")
    paths = (*(page.path for page in PAGES), *others, "projects/list-1.html")
    return [f"{site.as_uri()}/{path}" for path in paths]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_pages_are_quiet_fit_the_window_and_are_accessible(
    browser: Browser, site: Path, product: Clone, size: dict[str, int], scheme: str
) -> None:
    for address in addresses(site, product):
        with Visit(browser, size, scheme) as visit:
            tab = visit.open(address)
            tab.wait_for_timeout(300)  # what comes near the window becomes interactive
            assert visit.complaints == [], address
            assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []
            wider = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, f"{address} is {wider} px wider than the window"
            assert "undefined" not in tab.inner_text("main"), address
            found = Axe().run(tab, options={"preload": False}).response["violations"]
            broken = [(each["id"], each["nodes"][0]["html"][:120]) for each in found]
            assert broken == [], address


def test_every_link_leads_somewhere(browser: Browser, site: Path, product: Clone) -> None:
    anchors: dict[str, set[str]] = {}
    wanted: set[tuple[str, str, str]] = set()
    with Visit(browser, DESK, "light") as visit:
        seen: set[str] = set()
        queue = addresses(site, product)
        while queue:
            address, _ = urldefrag(queue.pop())
            if address in seen:
                continue
            seen.add(address)
            tab = visit.open(address)
            anchors[address] = set(
                tab.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
            )
            for link in tab.evaluate("[...document.links].map((each) => each.href)"):
                to, anchor = urldefrag(link)
                if to.startswith("file:"):
                    wanted.add((address, to, anchor))
                    # one page of a kind stands for all: they have the same template
                    if "/projects/" not in to and "/creators/" not in to and to.endswith(".html"):
                        queue += [] if "/dbt/" in to or "/lineage/" in to else [to]
    for page, to, anchor in wanted:
        path = Path(unquote(to.removeprefix("file://")))
        assert path.is_file(), f"{page} links to {path}"
        if anchor and to in anchors and "any.html" not in to and "=" not in anchor:
            assert anchor in anchors[to], f"{page} links to {to}#{anchor}"


def near(tab: Tab, name: str) -> None:
    """Scrolls to a table and waits until it can be used."""
    tab.locator(f"#{name}").scroll_into_view_if_needed()
    tab.wait_for_selector(f".table:has(#{name}) .table-controls")


def shown(tab: Tab, name: str, column: int) -> list[str]:
    cells = f"[...document.querySelectorAll('#{name} tbody tr')].map((row) => row.cells[{column}]"
    return tab.evaluate(f"{cells}.dataset.order ?? row.cells[{column}].innerText)")  # type: ignore[no-any-return]


def test_phones_keep_the_words_of_a_table_whole(browser: Browser, site: Path) -> None:
    with Visit(browser, PHONE, "light") as visit:
        tab = visit.open(f"{site.as_uri()}/releases/index.html")
        near(tab, "lost")
        width = "document.querySelector('#lost tbody th').offsetWidth"
        before = tab.evaluate(width)
        tab.add_style_tag(content="#lost tbody th { overflow-wrap: normal !important }")
        assert tab.evaluate(width) == before  # no word had been broken


def test_tables_sort_search_filter_and_remember(browser: Browser, site: Path) -> None:
    address = f"{site.as_uri()}/catalogue/index.html"
    name, rows, schema = "every-table", 3, 1
    with Visit(browser, DESK, "light") as visit:
        tab = visit.open(address)
        near(tab, name)
        tab.click(f"#{name} thead th:nth-child({rows + 1})")
        tab.click(f"#{name} thead th:nth-child({rows + 1})")  # the largest first
        tab.wait_for_selector(f"#{name} th.dt-ordering-desc")
        counts = [int(each) for each in shown(tab, name, rows) if each]
        assert counts == sorted(counts, reverse=True)
        assert len(set(counts)) > 3
        tab.select_option(f".table:has(#{name}) select", "core")
        assert set(shown(tab, name, schema)) == {"core"}
        of_core = shown(tab, name, 0)
        tab.fill(f".table:has(#{name}) input", "fct_escrow")
        found = shown(tab, name, 0)
        assert "core.fct_escrow_transactions" in found
        assert len(found) < len(of_core)
        kept = tab.url
        tab = visit.open("about:blank")
        tab = visit.open(kept)
        near(tab, name)
        assert shown(tab, name, 0) == found  # in the same order
        with tab.expect_event("load"):
            tab.evaluate(f"location.hash = '#{name}.search=core.dim_'")  # as if typed
        near(tab, name)
        assert tab.input_value(f".table:has(#{name}) input") == "core.dim_"
        assert "core.dim_projects" in shown(tab, name, 0)


def test_a_download_holds_the_exact_values(
    browser: Browser, site: Path, product: Clone, tmp_path: Path
) -> None:
    with Visit(browser, DESK, "light") as visit:
        tab = visit.open(f"{site.as_uri()}/catalogue/index.html")
        head, *rows = downloaded(tab, "money_moved_by_month-answer", tmp_path)
    sql = tab_sql(product, "money_moved_by_month")
    answer = product.ask(sql)[: len(rows)]
    assert rows
    assert len(head) == len(answer[0])
    for row, expected in zip(rows, answer, strict=True):
        for text, value in zip(row, expected, strict=True):
            if isinstance(value, Decimal):
                assert Decimal(text) == value


def downloaded(tab: Tab, name: str, folder: Path) -> list[list[str]]:
    """The heading and the rows of a table's CSV."""
    near(tab, name)
    with tab.expect_download() as started:
        tab.click(f".table:has(#{name}) button:text('Download CSV')")
    started.value.save_as(folder / "table.csv")
    assert (folder / "table.csv").read_bytes().startswith(codecs.BOM_UTF8)
    with (folder / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_a_download_holds_second_lines_and_ids_but_no_drawing(
    browser: Browser, site: Path, product: Clone, tmp_path: Path
) -> None:
    with Visit(browser, DESK, "light") as visit:
        tab = visit.open(f"{site.as_uri()}/projects/index.html")
        head, *rows = downloaded(tab, "live", tmp_path)
        assert head[-4:-2] == ["Final amount, 90 % interval", "Final amount, 90 % interval, note"]
        assert head[-2:] == ["Project id", "Creator id"]
        assert "Funding curve" not in head
        assert [row[0] for row in rows] == [
            title
            for row in rows
            for (title,) in product.ask(
                f"select title from core.dim_projects where project_id = {row[-2]}"
            )
        ]
        tab = visit.open(f"{site.as_uri()}/releases/index.html")
        head, *rows = downloaded(tab, "watch", tmp_path)
    milestones = [dict(zip(head, row, strict=True)) for row in rows]
    titles = dict(product.ask("select milestone_id, title from core.fct_milestones"))
    assert milestones
    for each in milestones:
        assert each["Milestone, note"].startswith(titles[int(each["Milestone id"])])
        assert each["Payment, note"].endswith(" held")


def tab_sql(product: Clone, name: str) -> str:
    text = (product.folder / "dbt_project" / "analyses" / f"{name}.sql").read_text()
    return text.replace("{{ ref('", "core.").replace("') }}", "")


def test_without_scripts_nothing_is_offered_that_needs_them(
    browser: Browser, site: Path, product: Clone
) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    tab = context.new_page()
    tab.goto(f"{site.as_uri()}/projects/index.html")
    assert not tab.locator("#load").is_visible()
    assert tab.locator("#others tbody tr").count() == LISTED
    tab.click("text=the whole list")
    [(others,)] = product.ask(
        "select count(*) from core.dim_projects"
        " where project_id not in (select project_id from insights.project_outlook)"
    )
    assert tab.locator("#others tbody tr").count() == others > LISTED
    for entity in ("project", "creator"):
        tab.goto(f"{site.as_uri()}/{entity}s/any.html#1")
        assert f"make query SQL='from core.dim_{entity}s" in tab.inner_text(".head")
        assert not tab.locator("main h2").first.is_visible()
    context.close()


def test_charts_become_interactive_and_say_what_they_show(browser: Browser, site: Path) -> None:
    with Visit(browser, DESK, "light") as visit:
        tab = visit.open(f"{site.as_uri()}/quality/index.html")
        assert len(tab.get_attribute("#matrix .drawing", "aria-label") or "") > 40
        assert not any("vega" in url for url in visit.requests)
        tab.hover("#matrix")
        tab.wait_for_selector("#matrix .live svg")
        assert visit.complaints == []


def test_paper_has_every_row(browser: Browser, site: Path) -> None:
    with Visit(browser, DESK, "light") as visit:
        tab = visit.open(f"{site.as_uri()}/quality/index.html")
        near(tab, "every-check")
        on_screen = len(shown(tab, "every-check", 0))
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert on_screen == 25 < len(shown(tab, "every-check", 0))


def test_paper_is_wide_enough_and_has_what_is_folded_away(browser: Browser, site: Path) -> None:
    wider = "document.documentElement.scrollWidth"
    for path in ("projects", "releases", "money", "quality"):
        with Visit(browser, DESK, "light") as visit:
            tab = visit.open(f"{site.as_uri()}/{path}/index.html")
            tab.emulate_media(media="print")
            is_wide = tab.evaluate("getComputedStyle(document.body).page") == "wide"
            width = LANDSCAPE if is_wide else PORTRAIT
            tab.set_viewport_size({"width": width, "height": 1000})
            assert tab.evaluate(wider) <= width, path
            assert not tab.locator("main button").first.is_visible()
            closed = tab.locator("main details:not([open])")
            tab.evaluate("dispatchEvent(new Event('beforeprint'))")
            assert closed.count() == 0
            tab.evaluate("dispatchEvent(new Event('afterprint'))")
            assert path in ("projects", "quality") or closed.count() > 0


def test_narrow_windows_and_long_names_are_no_trouble(browser: Browser, site: Path) -> None:
    with Visit(browser, NARROW, "light") as visit:
        for page in PAGES:
            tab = visit.open(f"{site.as_uri()}/{page.path}")
            assert tab.evaluate("document.documentElement.scrollWidth") <= 320, page.path
        tab = visit.open(f"{site.as_uri()}/projects/index.html")
        tab.evaluate("document.querySelector('#live tbody bdi').textContent = 'word '.repeat(100)")
        row = tab.locator("#live tbody tr").first.bounding_box()
        assert row
        assert row["height"] < 200


@pytest.mark.parametrize("page", [DBT_DOCS, LINEAGE], ids=lambda page: page.name)
def test_what_others_draw_leads_back_to_the_catalogue(
    browser: Browser, site: Path, page: Any
) -> None:
    with Visit(browser, DESK, "light") as visit:
        tab = visit.open(f"{site.as_uri()}/{page.path}")
        tab.click("text=Back to the catalogue")
        assert tab.url.endswith("/catalogue/index.html")
