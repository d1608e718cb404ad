"""Pages of projects show what the tables hold, whatever people wrote into them."""

import json
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pages import blocks, links, plain_list, projects
from pages.blocks import ROWS_PER_FILE
from pages.project_charts import read_bands, read_curves
from pages.published import Published, open_published
from pages.site import Site
from tests.pages import small_platform

Make = Callable[..., Site]


@pytest.fixture
def make(site: Site, tmp_path: Path) -> Make:
    """Makes the pages of the small platform, after some change to its tables."""

    def made(change: str = "") -> Site:
        path = tmp_path / "escrow.duckdb"
        small_platform.make(path)
        with duckdb.connect(str(path)) as connection:
            connection.execute(change or "select 1")
        with open_published(path) as published:
            projects.write(published, site)
        return site

    return made


def text_of(site: Site, path: str) -> str:
    """What a page says, without its markup and its data."""
    page = re.sub(r"<script.*?</script>", "", (site.root / path).read_text(), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def loaded(site: Site, name: str) -> Any:
    """What a script of data hands over."""
    text = (site.root / f"projects/data/{name}.js").read_text()
    path, content = re.fullmatch(r'escrow\.chunk\("(.*?)",(.*)\)\n', text, re.S).groups()  # type: ignore[union-attr]
    assert path == f"projects/data/{name}.js"
    return json.loads(content)


def test_the_page_of_a_project_shows_its_figures(make: Make) -> None:
    text = text_of(make(), "projects/1.html")
    for figure in (
        "Goal 100.00",
        "Pledged 40.00",
        "Funded 40.0 %",
        "Days left 10.0",
        "Release strategy holdback of 20 %",
        "Line: this project, 40 % after 50 % of its time; horizontal: its goal.",
        "Shaded: the middle eight tenths of the 2 campaigns of this category",
        "at launch (launch) 22 Dec 2023, 00:00 UTC 0.0 % 0.0 % open 25.0 %",
        "50.0 % 40.0 % open 75.0 % pace_ratio = 0.8 (+0.200)",
        "The model: skill not tested (9 test projects, 30 are needed).",
        "Held: pledged less both 40.00",
        "Held, summed over its backers' balances 40.00",
        "Difference of the two 0.00",
        "make query SQL='from core.fct_escrow_transactions where project_id = 1 '",
        "Projects launched 2",
        "Milestones submitted by their due date 1 of 1",
    ):
        assert figure in text, figure


def test_a_blank_title_is_replaced_in_the_heading(make: Make) -> None:
    site = make("update core.dim_projects set title = ' ' where project_id = 1")
    assert "<h1><bdi>(no title) 1</bdi></h1>" in (site.root / "projects/1.html").read_text()


def test_what_people_wrote_is_text_everywhere(make: Make) -> None:
    site = make()
    for path in ("projects/index.html", "projects/1.html"):
        page = (site.root / path).read_text()
        assert small_platform.HOSTILE in text_of(site, path)
        assert "<img" not in page
        assert "<b>A" not in page


def test_the_data_of_any_project_say_what_its_page_says(make: Make) -> None:
    site = make()
    data, page = loaded(site, "0"), (site.root / "projects/any.html").read_text()
    described = json.loads(re.search(r'id="blocks">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    for block in described["blocks"]:
        for row in data[block["name"]].get("1", []):
            assert len(row) == len(block["keys"])
    assert data["facts"]["1"][0][0] == small_platform.HOSTILE
    assert data["ledger"]["3"] == [
        ["500000000000.01", "0.00", "500000000000.01", "0.00", "0.00", "0.00"]
    ]
    assert [row[2:4] for row in data["milestones"]["2"]] == [["50.00", "60.00"], ["50.00", "0.00"]]
    assert data["milestones"]["2"][0][6:9] == ["2", "1", "0.75"]
    assert data["milestones"]["2"][1][-1] == "hold back 20 %"
    assert "1" not in data["milestones"]


def test_held_money_that_no_backer_has_shows_on_the_page_of_its_project(make: Make) -> None:
    text = text_of(
        make("update core.backer_balances set held_amount = held_amount - 0.01"),
        "projects/1.html",
    )
    assert "backers' balances 39.99 Difference of the two 0.01" in text


def test_transactions_add_up_to_the_ledger_and_say_what_is_not_listed(make: Make) -> None:
    data = loaded(make(), "0")
    rows = data["transactions"]["2"]
    pledges = [row for row in rows if row[1].startswith("pledges")]
    assert len(rows) == 12
    assert pledges[-1][1:] == [
        "pledges of 2 earlier days, not listed one by one",
        None,
        "2",
        "20.00",
    ]
    assert sum(Decimal(row[4]) for row in pledges) == Decimal(data["ledger"]["2"][0][0])
    assert rows[0][1:] == ["release to the creator", "1", "1", "60.00"]


def test_the_band_has_only_what_was_pledged_strictly_before(make: Make, tmp_path: Path) -> None:
    make()
    with open_published(tmp_path / "escrow.duckdb") as published:
        band = read_bands(published)["Games"]
        curves = read_curves(published, [1, 2])
    assert band.campaign_count == 2
    assert set(band.points[0].values()) == {0}
    # at half time: 90 of 100, and nothing, since the one pledge came at that very time
    assert band.points[10]["median"] == pytest.approx(0.45)
    assert band.points[11]["median"] == pytest.approx((1.0 + 0.5) / 2)
    assert curves[1][-1] == (0.5, 0.4)
    assert [share for _, share in curves[1][1:4]] == [0, 0.1, 0.1]
    assert curves[2][-1] == (1.0, 1.2)


def test_all_others_are_in_the_table_or_in_its_data(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "LISTED", 1)
    site = make()
    text, data = text_of(site, "projects/index.html"), loaded(site, "others-0")
    assert "The newest 1 of 3. Searching, filtering, sorting and downloading load the rest." in text
    assert "Stopped cancelled Art 1 Mar 2023 5 Mar 2023 50.00 0.00 0.0 % nothing pledged" in text
    assert [row[0] for row in data] == ["Large", "Done"]
    assert data[1][7:] == ["1.2", "1 of 2 milestones approved", "projects/any.html#2"]


def test_what_is_older_than_a_browser_can_take_is_left_to_the_plain_pages(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "LISTED", 1)
    monkeypatch.setattr(projects, "LOADED", 2)
    site = make()
    text = text_of(site, "projects/index.html")
    assert "The newest 1 of 3." in text
    assert "downloading load the newest 2, older ones are not found here." in text
    assert [row[0] for row in loaded(site, "others-0")] == ["Large"]
    assert '"total": 2' in (site.root / "projects/index.html").read_text()
    assert "Done" in text_of(site, "projects/list-1.html")


def test_all_others_are_on_plain_pages_for_readers_without_scripts(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_list, "ROWS_PER_PAGE", 2)
    site = make()
    first, second = (text_of(site, f"projects/list-{number}.html") for number in (1, 2))
    assert "page 1 of 2 1 to 2 of 3 projects, the newest first; the live ones" in first
    assert ["Stopped" in first, "Large" in first, "Done" in first] == [True, True, False]
    assert "3 to 3 of 3 projects" in second
    assert "Done successful Games" in second
    assert 'href="list-2.html">2</a>' in (site.root / "projects/list-1.html").read_text()


def test_a_plain_page_links_some_of_many_and_the_way_to_all(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_list, "ROWS_PER_PAGE", 1)
    site = make(
        "insert into core.dim_projects"
        " select projects.* replace (projects.project_id + 1000 * copy as project_id)"
        " from core.dim_projects as projects, range(1, 12) as copies(copy)"
    )
    count = len(list(site.root.glob("projects/list-*.html")))
    assert count > 30
    texts = {
        each: (site.root / f"projects/list-{each}.html").read_text() for each in range(1, count + 1)
    }
    linked = {each: set(map(int, re.findall(r"list-(\d+)\.html", texts[each]))) for each in texts}
    assert linked[20] == {1, 10, 18, 19, 21, 22, 30, count}
    assert all(len(each) <= 10 for each in linked.values())
    assert all({number - 1, number + 1} & set(linked) <= linked[number] for number in linked)
    assert "1 … 10 … 18 19 20 21 22 … 30 …" in text_of(site, "projects/list-20.html")


def test_a_list_without_projects_is_there_and_says_so(make: Make) -> None:
    site = make("delete from core.dim_projects where project_id > 1")
    assert "There is no other project." in text_of(site, "projects/list-1.html")


@pytest.mark.parametrize(
    ("released", "refunded", "outcome"),
    [(60, 60, ", rest refunded"), (0, 120, ", all refunded"), (120, 0, ""), (60, 0, "")],
)
def test_what_was_refunded_of_a_successful_project_is_said(
    make: Make, released: int, refunded: int, outcome: str
) -> None:
    site = make(
        f"""update core.escrow_balances set released_amount = {released},
        refunded_amount = {refunded}, held_amount = pledged_amount - {released} - {refunded}
        where project_id = 2"""
    )
    text = text_of(site, "projects/index.html")
    assert f"120.00 120.0 % 1 of 2 milestones approved{outcome}" in text
    assert f"approved{outcome}," not in text


def test_a_milestone_that_never_started_says_why(make: Make) -> None:
    site = make("update core.fct_milestones set milestone_status = 'void' where milestone_id = 22")
    row = loaded(site, "0")["milestones"]["2"][1]
    assert row[-2:] == ["not started: project refunded", "hold back 20 %"]


def test_a_live_project_shows_half_a_percent(make: Make) -> None:
    site = make(
        """create or replace table insights.project_outlook as
        select * replace (0.005 as funding_ratio) from insights.project_outlook"""
    )
    assert "open 0.5 % 100.00" in text_of(site, "projects/index.html")


@pytest.mark.parametrize("is_known", [True, False])
def test_an_interval_is_spoken_of_only_where_there_is_one(make: Make, is_known: bool) -> None:
    without = """create or replace table insights.project_outlook as
        select * replace (null as final_amount_low, null as final_amount_high)
        from insights.project_outlook"""
    text = text_of(make("" if is_known else without), "projects/index.html")
    assert ("Of the final amount there is one" in text) == is_known


def test_only_live_campaigns_have_a_prediction_by_the_model_in_use(make: Make) -> None:
    text = text_of(make(), "projects/1.html")
    assert "by a fit from before the launch; of a live campaign, as of now, by the model" in text


def test_data_are_cut_into_small_files(make: Make) -> None:
    rows = f"""insert into core.dim_projects select * replace (project_id + 10 + n as project_id)
        from core.dim_projects, range({ROWS_PER_FILE} + 100) as r(n) where project_id = 4"""
    site = make(rows.replace("select * replace", "select * exclude (n) replace"))
    sizes = [len(loaded(site, f"others-{number}")) for number in (0, 1)]
    assert sizes == [ROWS_PER_FILE, 103 - projects.LISTED]


def test_pages_of_projects_that_are_gone_are_removed(make: Make, site: Site) -> None:
    (site.root / "projects").mkdir(parents=True)
    (site.root / "projects/99.html").write_text("gone")
    make()
    assert not (site.root / "projects/99.html").exists()
    assert (site.root / "projects/1.html").exists()


def test_without_model_live_project_or_milestone_pages_say_so(make: Make) -> None:
    site = make(
        """update intermediate.int_models_in_use set status = 'skipped', reason = 'too few';
        delete from intermediate.int_predictions_current; delete from insights.project_outlook;
        delete from core.dim_projects where project_id in (2, 3)"""
    )
    text = text_of(site, "projects/1.html")
    assert "There is no model: too few." in text
    assert "No predictions: no model served" in text
    assert "No milestones are published." in text
    assert "No campaign of this category has ended yet: there is nothing to compare." in text
    text = text_of(site, "projects/index.html")
    assert "No project is live" in text
    assert "Stopped cancelled" in text


def test_a_platform_without_projects_has_its_pages(site: Site, make: Make) -> None:
    site.links.projects = {}
    make("delete from core.dim_projects; delete from insights.project_outlook")
    text = text_of(site, "projects/index.html")
    assert "none has ever been launched" in text
    assert "There is no other project." in text
    assert (site.root / "projects/any.html").exists()


def test_paths_in_tables_are_those_of_links(tmp_path: Path) -> None:
    small_platform.make(tmp_path / "escrow.duckdb")
    with open_published(tmp_path / "escrow.duckdb") as published:
        found = links.Links({1: 1})
        for kind in ("project", "creator"):
            assert paths(published, found, kind) == [
                getattr(found, kind)(number) for number in (1, 2)
            ]


def paths(published: Published, found: links.Links, kind: str) -> list[str]:
    """Where SQL leads for two ids."""
    sql = getattr(found, f"{kind}_sql")("id")
    return [path for (path,) in published.fetch(f"select {sql} from (values (1), (2)) as t(id)")]


def test_data_of_entities_are_the_same_however_many_are_written_at_once(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "ENTITIES_PER_FILE", 1)
    files = make().root / "projects/data"
    together = {path.name: path.read_text() for path in files.iterdir()}
    assert len(together) > 3
    monkeypatch.setattr(blocks, "FILES_AT_ONCE", 2)
    (tmp_path / "escrow.duckdb").unlink()
    shutil.rmtree(files)
    assert {path.name: path.read_text() for path in make().root.glob("projects/data/*")} == together


@pytest.mark.parametrize("first", [-1, -120, -(2**63)])
def test_data_of_entities_hold_every_id_also_below_zero(make: Make, first: int) -> None:
    site = make(f"update core.dim_projects set project_id = {first} where project_id = 2")
    held = {
        int(key)
        for path in site.root.glob("projects/data/*.js")
        if re.fullmatch(r"-?\d+", path.stem)
        for key in loaded(site, path.stem)["facts"]
    }
    assert first in held
    assert len(held) > 1
