"""Small exports that lack what most have, each taken to its pages in a warehouse of its own."""

import re
import shutil
import subprocess
from decimal import Decimal
from html import unescape
from pathlib import Path

import pytest

from pages import registry
from pages.registry import DBT_DOCS
from tests.dbt_project.export import Tables
from tests.journeys.clone import Clone, needs_make
from tests.journeys.exports import DAY, MIXED, NOW, export, write
from tests.journeys.warehouses import Warehouse, is_conserved

pytestmark = [pytest.mark.journey, needs_make]
MONEY = [Decimal(each) for each in ("0.01", "0.02", "33.33", "999999.99", "1000000000000.00")]
PAGES = [str(Path(page.folder, "index.html")) for page in (*registry.PAGES, DBT_DOCS)]
# Executed, any of these would give the document an id.
RUN = "document.documentElement.id='executed'"
HOSTILE = [
    f"<script>{RUN}</script>",
    f'<img src=x onerror="{RUN}">',
    f"'\"></td></script><svg onload={RUN}>",
    f"javascript:{RUN}//{{{{ 7 * 7 }}}} {{% raw %}}",
    "لعبة \u202egnp.exe\u202c & \"quoted\", 'single'\nsecond line\ttab",
    "wide " + 495 * "W",
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which nothing has run."""
    return Clone(tmp_path_factory.mktemp("clone"))


def publish(
    clone: Clone, name: str, tables: Tables, *settings: str, without: str = ""
) -> Warehouse:
    """Takes an export to its pages; checks what holds whatever was in it."""
    warehouse = Warehouse(clone, name)
    data = write(clone.folder / "exports" / name, tables, without=without.split())
    output = warehouse.publish(f"DATA={data}", *settings)
    assert "Traceback" not in output
    assert is_conserved(warehouse)
    ((pledged, held),) = warehouse.ask(
        "select (select sum(amount) from core.fct_pledges), sum(pledged_amount)"
        " from core.escrow_balances"
    )
    assert (pledged or 0) == (held or 0)
    skipped = warehouse.ask("select model_name, status, reason from ml.model_runs order by 1")
    assert [each[:2] for each in skipped] == [
        ("milestone_risk", "skipped"),
        ("project_success", "skipped"),
    ]
    index = unescape(warehouse.page("index.html"))
    for *_, reason in skipped:
        assert f"Skipped: {reason}." in index
    for page in PAGES:
        assert "</html>" in warehouse.page(page)
    assert "nothing has changed" in warehouse.publish(f"DATA={data}", *settings)
    return warehouse


def text_of(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_all_failed_and_nobody_voted_or_was_in_an_experiment(clone: Clone) -> None:
    tables = export(5 * ["failed"])
    tables["votes"] = []
    warehouse = publish(clone, "failed", tables, without="experiment_exposures")
    assert warehouse.ask(
        "select count(*), sum(refunded_amount) = sum(pledged_amount) from core.escrow_balances"
    ) == [(5, True)]
    assert "No project is live" in warehouse.page("index.html")
    assert "No milestone is open" in warehouse.page("index.html")
    assert warehouse.ask("select count(*) from core.fct_experiment_exposures") == [(0,)]
    assert "no experiment" in text_of(warehouse.page("experiments/index.html")).lower()


def test_all_successful_with_amounts_from_a_cent_to_a_trillion(clone: Clone) -> None:
    tables = export(["successful"] * len(MONEY), goals=MONEY)
    tables["milestones"][-1]["due_at"] = NOW - 16 * DAY  # overdue for good: all may be lost
    warehouse = publish(clone, "money", tables)
    goals = warehouse.ask("select funding_goal from core.dim_projects order by project_id")
    assert [goal for (goal,) in goals] == MONEY
    pledged = sum(row["amount"] for row in tables["pledges"])
    assert warehouse.ask("select sum(pledged_amount) from core.escrow_balances") == [(pledged,)]
    ((release, loss, probability),) = warehouse.ask(
        "select release_amount, expected_loss_amount, risk_probability"
        " from insights.release_decisions"
    )
    assert release == Decimal("400000000000.00")
    assert probability == 1
    assert 0 <= loss <= release
    assert f"{release:,}" in warehouse.page("releases/index.html")


def test_one_live_project(clone: Clone) -> None:
    warehouse = publish(clone, "one", export(["live"]))
    ((title, ratio, probability),) = warehouse.ask(
        "select title, funding_ratio, success_probability from insights.project_outlook"
    )
    assert (title, ratio, probability) == ("Project 101", 0.5, None)
    assert "Project 101" in warehouse.page("index.html")
    assert warehouse.ask("select count(*) from core.dim_projects") == [(1,)]


def test_projects_to_which_nobody_pledged(clone: Clone) -> None:
    tables = export(["failed", "live", "live"])
    for name in ("pledges", "votes", "experiment_exposures"):
        tables[name] = []
    warehouse = publish(clone, "unpledged", tables)
    assert warehouse.ask("select count(*) from core.fct_pledges") == [(0,)]
    assert warehouse.ask("select funding_ratio from insights.project_outlook") == [(0.0,), (0.0,)]
    assert warehouse.ask("select count(*), sum(held_amount) from core.escrow_balances") == [
        (3, Decimal("0.00"))
    ]


def test_projects_without_milestones_are_refused_and_leave_only_people(clone: Clone) -> None:
    """A goal is shared out among milestones: without one no pledge can ever be released."""
    tables = export(MIXED)
    tables["milestones"], tables["votes"] = [], []
    warehouse = Warehouse(clone, "unplanned")
    data = write(clone.folder / "exports" / "unplanned", tables)
    code, output = warehouse.run(f"DATA={data}")
    assert code == 1
    assert "projects  milestone_amounts_add_up_to_goal  10 rows: 101, 102" in output
    assert not warehouse.published.exists()

    warehouse = publish(clone, "unplanned", tables, "ON_BAD_ROWS=quarantine")
    assert warehouse.ask(
        "select (select count(*) from core.dim_projects), (select count(*) from core.dim_creators),"
        " count(*) filter (table_name = 'projects') from quality.quarantined_rows"
    ) == [(0, 3, 10)]
    lost = len(tables["projects"] + tables["pledges"] + tables["experiment_exposures"])
    assert f"{lost} raw rows" in text_of(warehouse.page("index.html"))


def test_hostile_text_is_shown_and_never_executed(clone: Clone, tmp_path: Path) -> None:
    """In live projects and open milestones, since their texts stand on the pages."""
    tables = export([*4 * ["live"], "successful", *2 * ["live"]])
    for number, text in enumerate(HOSTILE):
        tables["projects"][number] |= {"title": text, "category": text, "country": text}
        tables["creators"][number % 3]["display_name"] = text
        tables["backers"][number % 5]["country"] = text
    for row in tables["milestones"]:
        row["title"] = HOSTILE[row["milestone_id"] % len(HOSTILE)]
    for row in tables["experiment_exposures"]:
        row["experiment"] = HOSTILE[0]
        row["variant"] = HOSTILE[1 + row["backer_id"] % 2]
    warehouse = publish(clone, "hostile", tables)
    of_projects = sorted(warehouse.site.glob("projects/*.html"))
    texts = [unescape(page.read_text()) for page in (warehouse.site / "index.html", *of_projects)]
    for text in HOSTILE:
        assert any(text in page for page in texts)
    titles = warehouse.ask("select title from core.dim_projects order by project_id limit 6")
    assert [title for (title,) in titles] == HOSTILE
    if not shutil.which("chromium"):
        pytest.skip("needs Chromium, which .ci/run installs")
    for page in [*PAGES, *(str(each.relative_to(warehouse.site)) for each in of_projects)]:
        shown = subprocess.run(
            [
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"),
                *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000", "--dump-dom"),
                (warehouse.site / page).as_uri(),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert not re.search(r"<html[^>]*executed", shown), page
        assert not re.search(r"<img[^>]*onerror|<svg[^>]*onload", shown), page
