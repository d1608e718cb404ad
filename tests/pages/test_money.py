"""The page about money shows the sums of the tables to the cent, and every difference."""

import re
from html import unescape
from pathlib import Path

import pytest

from pages.money import write
from pages.published import open_published
from pages.site import Site
from tests.pages import documented, ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "escrow.duckdb"
    ledger.write(made)
    return made


def page(path: Path, site: Site) -> str:
    with open_published(path) as published:
        write(published, site)
    return " ".join((site.root / "money" / "index.html").read_text().split())


def rows_of(text: str, name: str) -> list[list[str]]:
    """The cells of a table, as they are read."""
    body = re.search(rf'<table class="data" id="{name}">.*?<tbody>(.*?)</tbody>', text)
    assert body, name
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body[1].split("</tr>")[:-1]]
    return [[unescape(re.sub(r"<[^>]+>", "", each)).strip() for each in row] for row in cells]


def test_sums_equal_the_tables_to_the_cent(path: Path, site: Site) -> None:
    text = page(path, site)
    for amount, what in (
        ("1,400,000,000,115.11", "pledged"),
        ("1,099,999,999,999.68", "held in escrow for 2 projects"),
        ("300,000,000,033.66", "released to creators"),
        ("81.77", "refunded to backers"),
        ("0 of 5", 'projects with a <a href="#reconciliation">difference</a>: 0.00 pledged less'),
    ):
        assert f"<b>{amount}</b> {what}" in text
    assert "in all 5 projects: 0 have a difference." in text
    first, *_, last = rows_of(text, "by-month")
    assert first[:5] == [
        *("31 Dec 2023", "400,000,000,000.01", "300,000,000,000.33", "66.67"),
        "1,099,999,999,999.68",
    ]
    assert last[:2] == ["31 Oct 2023", "1,000,000,000,110.10"]


def test_refunds_have_their_causes(path: Path, site: Site) -> None:
    found = rows_of(page(path, site), "by-cause")
    assert [row[:2] for row in found] == [
        ["milestone rejected by the backers", "66.67"],
        ["campaign failed", "10.10"],
        ["campaign cancelled", "5.00"],
    ]


def test_held_money_has_its_age_from_the_first_pledge(path: Path, site: Site) -> None:
    again = {"project_id": 2, "backer_id": 2, "amount": 0, "pledged_at": "2023-11-14"}
    documented.create(path, {"core.fct_pledges": [again]})
    found = {row[0]: row[1] for row in rows_of(page(path, site), "by-age")}
    assert found == {
        "up to 30 days": "400,000,000,000.01",
        "31 to 90 days": "699,999,999,999.67",
        **dict.fromkeys(("91 to 180 days", "181 to 365 days", "over a year"), "0.00"),
    }


def test_the_largest_projects_come_first_and_are_linked(path: Path, site: Site) -> None:
    text = page(path, site)
    found = rows_of(text, "largest")
    assert [(row[0], row[1]) for row in found] == [
        ("Paid in parts successful", "699,999,999,999.67"),
        ("Live <b>one</b> live", "400,000,000,000.01"),
    ]
    assert [row[3] for row in found] == ["63.6 %", "100.0 %"]
    assert 'href="../projects/1.html"' in text
    assert text.count("of the held money is in the") == 1
    assert "is in the largest project of 2: 699,999,999,999.67</li>" in text


def test_the_share_of_the_largest_projects_names_their_number(path: Path, site: Site) -> None:
    """Of 20 projects, 1 % and 5 % are one project."""
    rows = [{"project_id": 100 + n, "held_amount": 1} for n in range(18)]
    documented.create(path, {"core.escrow_balances": rows})
    text = page(path, site)
    assert re.findall(r"is in the (.*?):", text) == [
        "largest project of 2",
        "2 largest projects of 2",
    ]


def test_hostile_titles_are_inert(path: Path, site: Site) -> None:
    text = page(path, site)
    assert "Live &lt;b&gt;one&lt;/b&gt;" in text
    assert "<b>one</b>" not in text


@pytest.mark.parametrize("table", ["escrow_balances", "backer_balances"])
def test_a_cent_too_much_is_found(path: Path, site: Site, table: str) -> None:
    documented.sql(
        path, f"update core.{table} set held_amount = held_amount + 0.01 where project_id = 2"
    )
    text = page(path, site)
    assert "1 of 5 projects have a difference." in text
    [(title, *_, difference, backer_difference)] = rows_of(text, "exceptions")
    assert title == "Paid in parts"
    assert (difference, backer_difference) == (
        ("-0.01", "0.01") if table == "escrow_balances" else ("0.00", "-0.01")
    )


def test_differences_that_cancel_out_are_found(path: Path, site: Site) -> None:
    for project, sign in ((1, "+"), (2, "-")):
        documented.sql(
            path,
            f"update core.escrow_balances set held_amount = held_amount {sign} 7"
            f" where project_id = {project}",
        )
    text = page(path, site)
    assert '<li class="tile error some"><b>2 of 5</b> projects with a' in text
    assert "difference</a>: 0.00 pledged less the other three, 0.00 held less" in text
    assert "2 of 5 projects have a difference." in text


def test_a_platform_without_money_says_so(tmp_path: Path, site: Site) -> None:
    path = tmp_path / "empty.duckdb"
    documented.create(path, {"core.warehouse_as_of": [{"as_of": ledger.AS_OF}]})
    text = page(path, site)
    for part in ("Nobody has pledged yet", "Nothing was refunded.", "No money is held."):
        assert part in text
    assert "None" not in text
