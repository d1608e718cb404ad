"""Pages of creators show their record, and where their projects are."""

import json
from pathlib import Path

from pages import creators
from pages.published import open_published
from pages.site import Site
from tests.pages import small_platform
from tests.pages.test_projects import text_of


def test_a_creator_has_a_record_and_projects(site: Site, tmp_path: Path) -> None:
    (site.root / "creators").mkdir(parents=True)
    (site.root / "creators/99.html").write_text("gone")
    small_platform.make(tmp_path / "escrow.duckdb")
    with open_published(tmp_path / "escrow.duckdb") as published:
        creators.write(published, site)
    text = text_of(site, "creators/1.html")
    for figure in (
        'Ann "A" <b>',
        "Projects launched 2 Live 1 Successful 1 Failed 0 Cancelled 0",
        "Milestones submitted by their due date 1 of 1",
        "Pledged 160.00 Held 100.00 Released 60.00 Refunded 0.00",
        "120.0 % 60.00 60.00 0.00",
    ):
        assert figure in text, figure
    page = (site.root / "creators/1.html").read_text()
    assert 'href="../projects/1.html"' in page
    assert 'href="../projects/any.html#2"' in page
    assert "1 of 2 creators" in text_of(site, "creators/index.html")
    assert not (site.root / "creators/99.html").exists()
    data = (site.root / "creators/data/0.js").read_text().removeprefix("escrow.chunk(")
    rows = json.loads(data.split(",", 1)[1].removesuffix(")\n"))
    assert rows["facts"]["2"][0][:2] == ["مريم", None]
    assert len(rows["projects"]["2"]) == 2
