"""The folder of the site: assets that need no network, the frame, links, and no stale page."""

import runpy
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pages import assets, frame
from pages.links import Links
from pages.published import open_published
from pages.site import Site
from tests.pages import documented, ledger


def test_scripts_are_written_once_with_their_licences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets.install(tmp_path)
    folder = tmp_path / "assets"
    for script, made in (("datatables", "window.DataTable="), ("vega", "window.vegaEmbed=")):
        text = (folder / f"{script}.js").read_text()
        assert made in text
        assert "export{" not in text.replace(" ", "")
        assert list(folder.glob(f"{script}-licence-*.txt"))
    for made in ("_datatables", "_vega"):
        monkeypatch.setattr(assets, made, lambda: pytest.fail("made again"))
    assets.install(tmp_path)


def test_a_script_of_another_version_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "_vega", lambda: "new")
    monkeypatch.setattr(assets, "_datatables", lambda: "new")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "vega.js").write_text("old")
    (tmp_path / "assets" / "vega.version").write_text("0.1")
    assets.install(tmp_path)
    assert (tmp_path / "assets" / "vega.js").read_text() == "new"


def test_setup_makes_the_script_of_charts_once_for_all_sites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    runpy.run_path(assets.__file__, run_name="__main__")
    monkeypatch.setattr(assets, "_bundle", lambda: pytest.fail("made again"))
    assets.install(tmp_path / "site")
    assert "window.vegaEmbed=" in (tmp_path / "site" / "assets" / "vega.js").read_text()


def test_pages_that_this_run_did_not_write_go(site: Site) -> None:
    site.write_text("projects/1.html", "old")
    (site.root / "projects" / "2.html").write_text("of a project that is no more")
    site.remove_stale("projects")
    assert [each.name for each in (site.root / "projects").iterdir()] == ["1.html"]


def test_a_file_that_says_the_same_stays(site: Site) -> None:
    file = site.root / "projects" / "1.html"
    made = []
    for text in ("Größe", "Größe", "other"):
        site.write_text("projects/1.html", text)
        made.append((file.stat().st_ino, file.stat().st_mtime_ns))
    assert made[0] == made[1] != made[2]
    assert file.read_text() == "other"


def test_links_lead_to_a_page_of_its_own_or_to_the_one_that_shows_any() -> None:
    links = Links({7: 3})
    assert links.project(7) == "projects/7.html"
    assert links.project(8) == "projects/any.html#8"
    assert links.milestone(7, 2) == "projects/7.html#milestone-2"
    assert links.milestone(8, 2) == "projects/any.html#8&milestone=2"
    assert links.creator(3) == "creators/3.html"
    assert links.creator(4) == "creators/any.html#4"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Ledger, validation and models by hand: all is well, but for a warning and one model."""
    made = tmp_path / "escrow.duckdb"
    ledger.write(made)
    documented.sql(
        made,
        """create schema quality; create schema intermediate;
        create table quality.validation_results as
        select 'run-1' as run_id, now()::timestamp as validated_at, true as success,
            'error' as severity
        union all select 'run-1', now()::timestamp, false, 'warn';
        create table intermediate.int_models_in_use as
        select 'project_success' as model_name, 'trained' as status, 'proven' as skill_state
        union all select 'milestone_risk', 'trained', 'not_proven'""",
    )
    return made


def test_the_badge_counts_what_holds(path: Path) -> None:
    with open_published(path) as published:
        read = frame.read(published)
    gates, balances, *models = read.checks
    assert (gates.tone, gates.result) == ("passed", "passed, 1 warning")
    assert (balances.tone, balances.result) == ("passed", "passed")
    assert [model.subject for model in models] == ["Model project_success", "Model milestone_risk"]
    assert [model.tone for model in models] == ["passed", "warning"]
    assert read.tone == "warning"
    assert read.verdict == "Trust: 3 of 4 checks passed"


def test_a_payment_that_is_gone_from_the_ledger_turns_the_badge_red(path: Path) -> None:
    """Whatever is not released is held, by the ledger: only the backers' balances know better."""
    documented.sql(
        path,
        """delete from core.fct_escrow_transactions
        where transaction_type = 'release' and project_id = 4;
        update core.escrow_balances
        set held_amount = held_amount + released_amount, released_amount = 0
        where project_id = 4""",
    )
    with open_published(path) as published:
        read = frame.read(published)
    assert (read.checks[1].tone, read.checks[1].result) == ("error", "1 with a difference")
    assert read.tone == "error"


def test_a_page_has_the_frame(site: Site) -> None:
    site.write("a/b/index.html", "failed.html.jinja", page=_page(), reason="KeyError: x")
    text = (site.root / "a" / "b" / "index.html").read_text()
    assert 'href="../../assets/site.css"' in text
    assert 'href="../../index.html"' in text
    assert f"Data as of {datetime(2024, 1, 1).day} Jan 2024, 00:00 UTC" in text


def _page() -> Any:
    from pages.registry import PAGES

    return PAGES[0]
