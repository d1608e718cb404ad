"""Projects and creators without a page of their own are found and shown as in the tables."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from pages.formats import money
from pages.projects import LISTED
from tests.journeys.clone import Clone, needs_make
from tests.journeys.test_site import CHROMIUM, DESK, Visit, browser, downloaded, near, shown, site

__all__ = ["browser", "site"]
pytestmark = [
    pytest.mark.journey,
    needs_make,
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium, which .ci/run installs"),
]
OLDEST_FUNDED = """
    select project_id, creator_id, title, pledged_amount, released_amount
    from core.dim_projects inner join core.escrow_balances using (project_id, pledged_amount)
    where released_amount > 0 order by deadline_at, project_id limit 1"""


def fact(tab: Tab, block: str, label: str) -> str:
    """What a list of facts says."""
    return tab.inner_text(f"[data-rows={block}] div:has(> dt:text-is('{label}')) dd")


def test_any_project_is_shown_with_its_ledger_and_milestones(
    browser: Browser, site: Path, product: Clone
) -> None:
    [(project, creator, title, pledged, released)] = product.ask(OLDEST_FUNDED)
    milestones = product.ask(
        f"select title from core.fct_milestones where project_id = {project}"
        " order by milestone_number"
    )
    with Visit(browser, DESK, "light") as visit:
        tab = visit.open(f"{site.as_uri()}/projects/any.html#{project}")
        tab.wait_for_selector("[data-rows=ledger] dl")
        assert tab.inner_text("h1") == title
        assert fact(tab, "ledger", "Pledged") == money(pledged)
        assert fact(tab, "ledger", "Released") == money(released)
        assert [(text,) for text in shown(tab, "milestones", 0)] == milestones
        moved = product.ask(
            "select sum(amount) from core.fct_escrow_transactions"
            f" where project_id = {project} and transaction_type = 'release'"
        )
        assert moved == [(released,)]
        tab.click("[data-rows=facts] a")
        assert f"/creators/{creator}.html" in tab.url or tab.url.endswith(f"any.html#{creator}")
        tab.goto(f"{site.as_uri()}/projects/any.html#999999")
        tab.wait_for_selector("text=There is no project 999999")
        assert visit.complaints == []


def test_searching_looks_at_all_projects_and_leads_to_them(
    browser: Browser, site: Path, product: Clone
) -> None:
    [(project, _, title, _, _)] = product.ask(OLDEST_FUNDED)
    with Visit(browser, DESK, "light") as visit:
        tab = visit.open(f"{site.as_uri()}/projects/index.html")
        near(tab, "others")
        assert title not in tab.inner_text("#others")
        tab.fill(".table:has(#others) input", title)
        tab.wait_for_selector("#others tbody a")
        tab.click("#others tbody a")
        assert f"projects/any.html#{project}" in tab.url
        assert visit.complaints == []


def test_a_filter_kept_in_the_address_finds_all_projects(
    browser: Browser, site: Path, product: Clone
) -> None:
    [(cancelled,)] = product.ask(
        "select count(*) from core.dim_projects where project_status = 'cancelled'"
    )
    with Visit(browser, DESK, "light") as visit:
        tab = visit.open(f"{site.as_uri()}/projects/index.html#others.1=cancelled")
        near(tab, "others")
        tab.wait_for_selector(f".table:has(#others) .count:text-matches('^{cancelled} of ')")
        assert set(shown(tab, "others", 1)) == {"cancelled"}
        assert visit.complaints == []


@pytest.mark.parametrize("use", ["sort", "download"])
def test_sorting_and_downloading_take_all_projects(
    browser: Browser, site: Path, product: Clone, tmp_path: Path, use: str
) -> None:
    [(total,)] = product.ask(
        "select count(*) from core.dim_projects"
        " where project_id not in (select project_id from insights.project_outlook)"
    )
    with Visit(browser, DESK, "light") as visit:
        tab = visit.open(f"{site.as_uri()}/projects/index.html")
        near(tab, "others")
        assert tab.inner_text(".table:has(#others) .count") == f"{LISTED} of {total:,} rows"
        if use == "download":
            assert len(downloaded(tab, "others", tmp_path)) == 1 + total
        else:
            tab.click("#others thead th:nth-child(7)")
        tab.wait_for_selector(f".table:has(#others) .count:text-is('{total:,} rows')")
        assert visit.complaints == []
