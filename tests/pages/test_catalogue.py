"""The catalogue answers the questions of dbt's analyses and leads to the dbt docs and back."""

import json
from pathlib import Path

import duckdb
import pytest

from pages import catalogue
from pages.published import PagesError, open_published
from pages.site import Site

MANIFEST = {
    "nodes": {
        "model.escrow.balances": {
            "name": "balances", "schema": "core", "resource_type": "model",
            "unique_id": "model.escrow.balances", "description": "A project.",
        },
        "analysis.escrow.held": {
            "name": "held", "schema": "core", "resource_type": "analysis",
            "description": "What is held?",
            "raw_code": (
                "-- What is held?\nselect project_id, held_amount from {{ ref('balances') }}"
            ),
        },
    },
    "sources": {},
    "exposures": {
        "exposure.escrow.money": {
            "name": "money_page", "label": None, "type": "dashboard", "url": "../money/index.html",
            "description": "Money.", "owner": {"name": "Data team", "email": "data@example.com"},
            "depends_on": {"nodes": ["model.escrow.balances"]},
        }
    },
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "escrow.duckdb")) as connection:
        connection.execute("""
            create schema core; create schema quality;
            create table core.balances as
            select 7 as project_id, 1000000000000.01::decimal(18, 2) as held_amount;
            create table quality.runs (run_id varchar, published_at timestamp);
            create table quality.table_volumes (
                run_id varchar, table_name varchar, row_count bigint);
            insert into quality.runs values ('run-1', now());
            insert into quality.table_volumes values ('run-1', 'core.balances', 1)""")
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    (tmp_path / "static_index.html").write_text("<html><body>docs</body></html>")
    return tmp_path


def write(folder: Path, site: Site) -> str:
    with open_published(folder / "escrow.duckdb") as published:
        published.dbt_docs = folder / "static_index.html"
        catalogue.write(published, site)
    return (site.root / "catalogue" / "index.html").read_text()


def test_questions_are_answered_to_the_cent(folder: Path, site: Site) -> None:
    text = write(folder, site)
    assert "What is held?" in text
    assert "select project_id, held_amount from core.balances" in text
    assert 'data-order="1000000000000.01">1,000,000,000,000.01<' in text


def test_tables_lead_to_the_docs_and_exposures_to_their_pages(folder: Path, site: Site) -> None:
    text = write(folder, site)
    assert '<a href="../dbt/index.html#!/model/model.escrow.balances">core.balances</a>' in text
    assert '<a href="../money/index.html">money page</a>' in text


def test_the_docs_lead_back_once(folder: Path, site: Site) -> None:
    (site.root / "lineage").mkdir(parents=True)
    (site.root / "lineage" / "index.html").write_text("<body>lineage</body>")
    write(folder, site)
    assert "Column lineage" in write(folder, site)
    for name in ("dbt", "lineage"):
        text = (site.root / name / "index.html").read_text()
        assert text.count('href="../catalogue/index.html"') == 1


def test_without_what_dbt_leaves_it_says_what_to_do(folder: Path, site: Site) -> None:
    (folder / "static_index.html").unlink()
    with pytest.raises(PagesError, match=r"static_index\.html is missing: make run"):
        write(folder, site)
