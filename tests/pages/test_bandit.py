"""The page of the bandit says what to launch with, what it is worth, and what is missing."""

from typing import Any

import pytest

from ml.bandit.settings import BanditSettings
from pages.bandit import write
from pages.published import open_published
from pages.site import Site
from tests.ml.bandit.conftest import Platform
from tests.pages import documented
from tests.pages.test_money import rows_of

# voted on, so that its own loss ratio is not that of all
DECISION = {"milestone_id": 1, "release_amount": 250, "vote_count": 3, "loss_ratio": 0.1}
LOSS_RATIOS = """
    create schema if not exists intermediate;
    create table intermediate.int_loss_ratio as
    from (values (true, 0.1), (false, 0.4), (null, 0.2)) as t (has_majority_for, loss_ratio)"""
POLICY = """
    insert into insights.release_policy by name
    select
        release_strategy, propensity as launch_share_ratio, best_probability,
        alpha / (alpha + beta) as expected_on_time_ratio, mean_on_time_share
        as mean_on_time_ratio, mean_money_kept_share as mean_money_kept_ratio,
        reward_count, pending_count, state, batch_at, bandit_version
    from ml.bandit_posteriors
    where batch_at = (select max(batch_at) from ml.bandit_posteriors)"""
ESTIMATED = """
    update ml.policy_values set status = 'estimated', reason = null,
        value = case when policy = 'bandit' then {bandit} else 0.5 end,
        ci_low = case when policy = 'bandit' then {bandit} else 0.5 end - 0.05,
        ci_high = case when policy = 'bandit' then {bandit} else 0.5 end + 0.05"""


@pytest.fixture
def decided(platform: Platform, chosen: BanditSettings) -> Platform:
    """A platform on which the bandit has run."""
    platform.decide(chosen)
    documented.create(platform.path, {"insights.release_decisions": [DECISION]})
    platform.sql(LOSS_RATIOS)
    platform.sql(POLICY)
    return platform


def written(platform: Platform, site: Site) -> str:
    with open_published(platform.path) as published:
        write(published, site)
    return " ".join((site.root / "bandit" / "index.html").read_text().split())


def test_page_shows_shares_and_why_values_are_missing(decided: Platform, site: Site) -> None:
    text = written(decided, site)
    rows = rows_of(text, "next-launches")
    expected = decided.sql("""
        select launch_share_ratio, reward_count from insights.release_policy
        order by launch_share_ratio desc""")
    assert [(row[1], row[5]) for row in rows] == [
        (f"{100 * share:.1f} %", f"{count:,}") for share, count in expected
    ]
    assert f"Launch {rows[0][1]} of the next projects with {rows[0][0]}." in text
    assert "Share of launches by strategy and week" in text
    assert "Not estimable: " in text
    assert "of the 2,000 decisions needed" in text
    assert "choices beat equal shares is not known: " in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("held_unproven", "No strategy is proven to be the best"),
        ("held_stale", "The data are stale"),
    ],
)
def test_held_shares_have_their_reason(
    decided: Platform, site: Site, state: str, said: str
) -> None:
    decided.sql(f"update insights.release_policy set state = '{state}'")
    text = written(decided, site)
    assert said in text
    assert "of the next projects with" not in text
    assert "What exploration costs" not in text


@pytest.mark.parametrize(
    ("bandit", "verdict"),
    [
        ("0.65", "more, beyond chance"),
        ("0.35", "less, beyond chance"),
        ("0.55", "the intervals overlap, so that the difference may be chance"),
        ("0.45", "the intervals overlap, so that the difference may be chance"),
    ],
)
def test_values_are_drawn_and_compared_with_equal_shares(
    decided: Platform, site: Site, bandit: str, verdict: str
) -> None:
    decided.sql(ESTIMATED.format(bandit=bandit))
    text = written(decided, site)
    assert verdict in text
    rows = rows_of(text, "policy-values")
    assert len(rows) == len({tuple(row[:2]) for row in rows}) == 14
    assert {row[3] for row in rows if row[0] == "front loaded"} == {"45.0 % to 55.0 %"}
    assert "Value with 95 % interval. " in text


def test_page_prices_exploration(decided: Platform, site: Site) -> None:
    text = written(decided, site)
    [(late,)] = decided.sql("""
        select 1000 * sum((best_probability - propensity) * alpha / (alpha + beta))
        from ml.bandit_posteriors
        where batch_at = (select max(batch_at) from ml.bandit_posteriors)""")
    assert late > 1
    assert "each strategy keeps 2.5 % of the launches or more" in text
    assert f"that makes {late:.1f} of 1,000 milestones late, an expected loss of" in text
    # of 1,000 payments of 250.00, of which the loss ratio of all, 20 %, is lost
    assert f"an expected loss of {late * 250 * 0.2:,.2f} at the mean payment" in text


def test_no_loss_is_priced_without_an_open_milestone(decided: Platform, site: Site) -> None:
    decided.sql("delete from insights.release_decisions")
    text = written(decided, site)
    assert "of 1,000 milestones late" in text
    assert "an expected loss of" not in text


@pytest.mark.parametrize("decisions", [[], [DECISION]])
def test_page_without_a_bandit_says_why(
    platform: Platform, site: Site, chosen: BanditSettings, decisions: list[dict[str, Any]]
) -> None:
    platform.sql("update core.dim_projects set release_strategy = null")
    platform.sql(LOSS_RATIOS)
    platform.decide(chosen)
    documented.create(platform.path, {"insights.release_decisions": decisions})
    text = written(platform, site)
    assert "No decisions: no project has a release strategy." in text
    assert "None" not in text
