"""The page of the release decisions has what its tables hold."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from ml.bandit.settings import BanditSettings
from pages.published import open_published
from pages.releases import write
from pages.site import Site
from tests.ml.bandit.conftest import Platform

INSIGHTS = Path(__file__).parents[2] / "dbt_project/models/marts/insights/_insights__models.yml"
ROW = {
    "milestone_id": 1, "project_title": "Open <Garden>", "milestone_title": "Prototype",
    "milestone_number": 1, "milestone_count": 3, "days_left": -4.2, "days_overdue": 4.2,
    "is_submitted": True, "submitted_at": "2024-01-05 10:00:00", "vote_count": 8,
    "approval_count": 6, "rejection_count": 2, "approval_ratio": 0.75, "turnout_ratio": 0.4,
    "held_amount": 1000, "risk_source": "prediction", "skill_state": "not_proven",
    "release_amount": 250, "held_back_amount": 50, "is_decided": False, "risk_probability": 0.4,
    "loss_ratio": 0.2, "hold_back_risk": 0.2, "review_risk": 0.3,
    "expected_loss_amount": 20, "expected_loss_amount_held_back": 16,
    "release_strategy": "front_loaded", "bandit_strategy": "back_loaded",
    "recommendation": "hold_back_20",
    "recommendation_reason": "Submitted, 6 of 8 votes for, 40.0 % risk: hold back 20 %.",
    "reasons": "vote_count = 2 (+0.050)",
}  # fmt: skip
UNKNOWN = {
    "risk_probability": None, "expected_loss_amount": None, "release_strategy": None,
    "expected_loss_amount_held_back": None, "bandit_strategy": None,
    "recommendation": "decide_by_hand", "risk_source": "none", "vote_count": 0, "reasons": None,
    "recommendation_reason": "Submitted, no votes yet, risk not known: decide by hand.",
}  # fmt: skip
OVERDUE = {
    "is_submitted": False, "submitted_at": None, "vote_count": 0, "risk_probability": 1.0,
    "risk_source": "known outcome", "recommendation": "overdue", "reasons": None,
    "project_title": "Overdue Garden", "expected_loss_amount": 200,
}  # fmt: skip

VALUES = """
    insert into insights.decision_values by name
    select 'vote_1d' as snapshot_kind, 'always_release' as decision_policy,
        88 as milestone_count, 88 as released_count, 0.25 as released_high_risk_ratio,
        0.2 as loss_ratio, 50000 as lost_amount_per_1000, 0 as model_count,
        30000 as lost_amount_per_1000_low, 80000 as lost_amount_per_1000_high,
        1 as always_release_ratio
    union all by name
    select 'vote_1d' as snapshot_kind, 'recommendations' as decision_policy,
        88 as milestone_count, 60 as released_count, 0.1 as released_high_risk_ratio,
        0.2 as loss_ratio, 30000 as lost_amount_per_1000, 40 as model_count,
        0.6 as always_release_ratio, 0.4 as always_release_ratio_low,
        0.9 as always_release_ratio_high"""


def page(platform: Platform, site: Site, decisions: list[dict[str, Any]]) -> str:
    """Makes the page from insights as dbt promises them."""
    content = yaml.safe_load(INSIGHTS.read_text())
    with duckdb.connect(str(platform.path)) as connection:
        connection.execute("create schema insights")
        connection.execute("create schema if not exists intermediate")
        for model in content["models"]:
            columns = ", ".join(f"{c['name']} {c['data_type']}" for c in model["columns"])
            connection.execute(f"create table insights.{model['name']} ({columns})")
        for row in decisions:
            names = ", ".join(row)
            places = ", ".join("?" * len(row))
            connection.execute(
                f"insert into insights.release_decisions ({names}) values ({places})",
                list(row.values()),
            )
        if decisions:
            connection.execute(VALUES)
        connection.execute("""
            insert into insights.release_policy by name
            select
                release_strategy, propensity as launch_share_ratio, best_probability,
                alpha / (alpha + beta) as expected_on_time_ratio, mean_on_time_share
                as mean_on_time_ratio, mean_money_kept_share as mean_money_kept_ratio,
                reward_count, pending_count, state, batch_at, bandit_version
            from ml.bandit_posteriors
            where batch_at = (select max(batch_at) from ml.bandit_posteriors)""")
    with open_published(platform.path) as published:
        write(published, site)
    return (site.root / "releases" / "index.html").read_text()


def test_page_shows_decisions_shares_and_why_values_are_missing(
    platform: Platform, site: Site, chosen: BanditSettings
) -> None:
    platform.decide(chosen)
    text = page(platform, site, [ROW, ROW | UNKNOWN | {"milestone_id": 2}])
    for part in (
        "Open &lt;Garden&gt;", "6 of 8 votes for, 40.0 % risk", "vote_count = 2 (+0.050)",
        "risk not known: decide by hand",
        "not approved within these 14 days is <i>review</i> while most votes are for it",
        "1,000.00",
        "No risk is known for 1 submitted milestone:",
        "The model now: <b>no proven skill</b>", "60 of 88", "10.0 %",
        "50,000.00", "30,000.00 to 80,000.00", "60.0 %", "40.0 % to 90.0 %", "no interval",
        "its value is biased upwards",
        "Share of launches by strategy and week",
        "Not estimable: ", "2,000 are needed",
    ):  # fmt: skip
        assert part in text, part
    assert "None" not in text


def test_page_shows_what_can_be_released_first_with_its_votes(
    platform: Platform, site: Site, chosen: BanditSettings
) -> None:
    platform.decide(chosen)
    text = page(platform, site, [ROW | OVERDUE | {"milestone_id": 2}, ROW])
    first, second = text.split("<tbody>")[2].split("</tbody>")[0].split("<tr>")[1:]
    for part in (
        "5 Jan 2024",
        "6 for, 2 against",
        "75.0 % for, 40.0 % turnout",
        "hold back 20 %",
    ):
        assert part in first, part
    for part in ("Overdue Garden", "not yet", "no votes", "certain", ">overdue<"):
        assert part in second, part
    assert "<b>1</b> submitted" in text
    # a draw decides nothing for a project that has launched
    assert "front loaded" in first
    assert "back loaded" not in first


def test_page_prices_exploration(platform: Platform, site: Site, chosen: BanditSettings) -> None:
    platform.decide(chosen)
    text = " ".join(page(platform, site, [ROW]).split())
    [(late,)] = platform.sql("""
        select 1000 * sum((best_probability - propensity) * alpha / (alpha + beta))
        from ml.bandit_posteriors
        where batch_at = (select max(batch_at) from ml.bandit_posteriors)""")
    assert late > 1
    assert "each strategy keeps 2.5 % of the launches or more" in text
    assert f"that makes {late:.1f} of 1,000 milestones late, an expected loss of" in text
    # of 1,000 payments of 250.00, of which the loss ratio of 20 % is lost
    assert f"an expected loss of {late * 250 * 0.2:,.2f} at the mean payment" in text


@pytest.mark.parametrize("decisions", [[], [ROW]])
def test_page_without_a_bandit_says_why(
    platform: Platform, site: Site, chosen: BanditSettings, decisions: list[dict[str, Any]]
) -> None:
    platform.sql("update core.dim_projects set release_strategy = null")
    platform.decide(chosen)
    text = page(platform, site, decisions)
    assert "No decisions: no project has a release strategy." in text
    assert ("No milestone is open." in text) == (not decisions)
    assert ("Not enough past milestones:" in text) == (not decisions)


@pytest.mark.parametrize(
    ("ratio", "low", "high", "verdict"),
    [
        ("0.6", "0.4", "0.9", "60.0 % of what releasing all loses: less, beyond chance."),
        ("1.4", "1.1", "1.8", "140.0 % of what releasing all loses: more, beyond chance."),
        ("0.6", "0.3", "1.2", "60.0 % of what releasing all loses: the difference may be chance."),
        ("0.6", "null", "null", "60.0 % of what releasing all loses: no interval, since too few"),
        ("null", "null", "null", "past milestones: releasing all would have lost nothing."),
    ],
)
def test_page_says_what_the_recommendations_are_worth(
    platform: Platform,
    site: Site,
    chosen: BanditSettings,
    ratio: str,
    low: str,
    high: str,
    verdict: str,
) -> None:
    platform.decide(chosen)
    page(platform, site, [ROW])
    platform.sql(f"""
        update insights.decision_values set always_release_ratio = {ratio},
            always_release_ratio_low = {low}, always_release_ratio_high = {high}
        where decision_policy = 'recommendations'""")
    with open_published(platform.path) as published:
        write(published, site)
    text = (site.root / "releases" / "index.html").read_text()
    assert verdict in " ".join(text.split())
