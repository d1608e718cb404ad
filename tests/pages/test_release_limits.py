"""The limits that can be moved: at those of the tables, they say what the tables say."""

import json
import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from pages import assets
from pages.published import open_published
from pages.release_limits import Limits
from pages.releases import write
from pages.site import Site
from tests.pages import documented, ledger

# The rule of the decision sheet, at a delay cost of 5 % and a review cost of 20.00.
DECISIONS = """
    insert into insights.release_decisions by name
    with given as (
        select
            range as milestone_id, 1 as project_id, 'No ' || range as project_title, 'M' as
            milestone_title, 1 as milestone_number, 1 as milestone_count, 1 as days_left,
            true as is_submitted, false as is_decided, 'prediction' as risk_source,
            10 as vote_count, 6 as approval_count, 4 as rejection_count, 1 as held_amount,
            (range * 37 % 100) / 100 as risk_probability, 'proven' as skill_state,
            [1000000000000.03, 150.55, 33.33, 1234.56, 0.01, 0, 987654.32][1 + range % 7]
            ::decimal(18, 2) as release_amount,
            0.2 as loss_ratio, 0.05 / (0.05 + 0.2) as hold_back_risk
        from range(60)
    ),
    priced as (
        select
            *,
            round(0.2 * release_amount, 2)::decimal(18, 2) as held_back_amount,
            round((risk_probability * 0.2)::decimal(19, 15) * release_amount, 2)::decimal(18, 2)
                as expected_loss_amount
        from given
    ),
    limited as (
        select
            *,
            round(
                (risk_probability * 0.2)::decimal(19, 15) * (release_amount - held_back_amount), 2
            )::decimal(18, 2) as expected_loss_amount_held_back,
            hold_back_risk + 20::double / nullif((release_amount - held_back_amount)::double, 0)
            / (0.05 + 0.2::double) as review_risk
        from priced
    )
    select
        *,
        case
            when risk_probability >= review_risk then 'review'
            when risk_probability >= hold_back_risk then 'hold_back_20'
            else 'release'
        end as recommendation,
        recommendation as recommendation_reason
    from limited"""
# What these limits do not decide about: decided by votes, by dates, by nobody, by limits of another
# loss ratio; not submitted.
OTHERS = """
    insert into insights.release_decisions by name
    select * replace (milestone_id + 100 as milestone_id, 3 as approval_count,
        'review' as recommendation)
    from insights.release_decisions where milestone_id = 1
    union all by name
    select * replace (milestone_id + 200 as milestone_id, true as is_decided,
        'review' as recommendation)
    from insights.release_decisions where milestone_id = 1
    union all by name
    select * replace (milestone_id + 300 as milestone_id, null as risk_probability,
        'decide_by_hand' as recommendation)
    from insights.release_decisions where milestone_id = 1
    union all by name
    select * replace (milestone_id + 500 as milestone_id, 5 as approval_count,
        5 as rejection_count, 0.45 as loss_ratio, 0.1 as hold_back_risk,
        0.2 as review_risk, 'review' as recommendation)
    from insights.release_decisions where milestone_id = 1
    union all by name
    select * replace (milestone_id + 400 as milestone_id, false as is_submitted,
        'watch' as recommendation)
    from insights.release_decisions where milestone_id = 1"""
BY_ACTION = """
    select recommendation, count(*), sum(case recommendation when 'release' then release_amount
        when 'hold_back_20' then release_amount - held_back_amount else 0 end),
        sum(case recommendation when 'release' then expected_loss_amount
        when 'hold_back_20' then expected_loss_amount_held_back else 0 end)
    from insights.release_decisions where milestone_id < 100 group by 1"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "escrow.duckdb"
    documented.create(made, {"core.warehouse_as_of": [{"as_of": ledger.AS_OF}]})
    documented.sql(made, DECISIONS)
    documented.sql(made, OTHERS)
    return made


def limits_of(path: Path) -> Limits:
    with open_published(path) as published:
        return Limits(published)


def test_the_settings_are_those_that_the_limits_were_made_of(path: Path) -> None:
    settings = limits_of(path).settings
    assert settings is not None
    assert settings["delay_cost_ratio"] == 0.05
    assert settings["review_cost"] == Decimal("20.00")


def test_a_review_that_costs_nothing_is_found(path: Path) -> None:
    documented.sql(path, "update insights.release_decisions set review_risk = hold_back_risk")
    settings = limits_of(path).settings
    assert settings is not None
    assert settings["review_cost"] == 0


def test_actions_equal_the_table(path: Path) -> None:
    """The three together, to the cent; what the limits do not decide about is left out."""
    limits = limits_of(path)
    expected = {action: figures for action, *figures in documented.sql(path, BY_ACTION)}
    assert len(expected) == 3
    assert {row["name"]: [row["count"], row["paid"], row["lost"]] for row in limits.actions} == (
        expected
    )
    assert sum(row["paid"] for row in limits.actions) > 10**12
    assert len(limits.rows) == 60


def test_delay_costs_what_the_settings_say(path: Path) -> None:
    [row] = [
        row
        for row in limits_of(path).rows
        if row["release_amount"] == Decimal("1234.56") and row["risk_probability"] == 0.11
    ]
    assert row["delay_amount"] == round(
        Decimal("0.89") * Decimal("0.05") * row["release_amount"], 2
    )
    assert row["delay_amount_held_back"] == round(
        Decimal("0.89") * Decimal("0.05") * row["held_back_amount"], 2
    )


def test_the_data_of_the_script_decide_as_the_table_does(path: Path) -> None:
    """In whole cents, at the limits that the table names."""
    limits = limits_of(path)
    data = json.loads(limits.as_json)
    names = ("release", "hold_back_20", "review")
    sums: dict[str, list[int]] = {name: [0, 0, 0] for name in names}
    for risk, review, *costs, _ in data["rows"]:
        place = 2 if review is not None and risk >= review else int(risk >= data["hold"])
        paid, lost, _ = costs[place]
        for index, amount in enumerate((1, int(paid), int(lost))):
            sums[names[place]][index] += amount
    assert sums == {
        row["name"]: [row["count"], int(row["paid"] * 100), int(row["lost"] * 100)]
        for row in limits.actions
    }


def test_the_chart_draws_what_the_limits_decide_about(path: Path) -> None:
    """Milestones that lines do not speak of are not under them."""
    limits = limits_of(path)
    drawn = str(limits.chart)
    paid = [row["project_title"] for row in limits.rows if row["release_amount"]]
    assert f"of {len(paid)} submitted milestones with more votes for than against" in drawn
    spec = json.loads(drawn.split('<script type="application/json">')[1].split("</script>")[0])
    [points] = [each for each in spec["layer"] if each["mark"]["type"] == "circle"]
    assert [each["title"] for each in points["data"]["values"]] == paid


@pytest.mark.parametrize("keep", ["false", "not is_submitted"])
def test_without_a_risk_there_is_nothing_to_move(path: Path, site: Site, keep: str) -> None:
    documented.sql(path, f"delete from insights.release_decisions where not ({keep})")
    text = written(path, site).read_text()
    assert "limits-data" not in text
    said = "The limits decide about no submitted milestone with more votes for than against now."
    assert (said in text) == (keep != "false")


def written(path: Path, site: Site) -> Path:
    with open_published(path) as published:
        write(published, site)
    return site.root / "releases" / "index.html"


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser.new_context(offline=True).new_page()
        browser.close()


def shown(tab: Page) -> dict[str, list[str]]:
    rows = tab.query_selector_all("#limits [data-action]")
    return {
        str(row.get_attribute("data-action")): [
            cell.inner_text() for cell in row.query_selector_all("td")
        ]
        for row in rows
    }


def cents(amount: str) -> int:
    return int(re.sub(r"[,.]", "", amount))


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium, which .ci/run installs")
def test_sliders_move_the_limits(path: Path, site: Site, tab: Page) -> None:
    """Untouched they say what the page says; moved, every cent is still there."""
    page, limits = written(path, site), limits_of(path)
    assets.install(site.root)
    errors: list[Any] = []
    tab.on("pageerror", lambda error: errors.append(error))
    tab.goto(page.as_uri())
    tab.wait_for_selector("#limits:not([hidden])")
    default = shown(tab)
    for row in limits.actions:
        amounts = [f"{row[key]:,.2f}" for key in ("paid", "lost", "delayed")]
        assert default[row["name"]] == [f"{row['count']:,}", *amounts]
    tab.locator("#hold-limit").fill("1")
    released = shown(tab)
    everything = sum(row["release_amount"] for row in limits.rows)
    assert released["release"][:2] == ["60", f"{everything:,.2f}"]
    lost = sum(row["expected_loss_amount"] for row in limits.rows)
    assert released["total"][2] == f"{lost:,.2f}"
    tab.locator("#hold-limit").fill("0")
    tab.locator("#review-cost").fill("0")
    reviewed = shown(tab)
    kept = [row for row in limits.rows if row["review_risk"] is None]
    assert reviewed["review"][0] == str(60 - len(kept))
    delayed = sum(row["delay_amount"] for row in limits.rows)
    assert cents(reviewed["review"][3]) == int(delayed * 100)
    assert "hold=0&cost=0" in tab.url
    tab.locator("#limits-reset").click()
    assert shown(tab) == default
    assert errors == []
