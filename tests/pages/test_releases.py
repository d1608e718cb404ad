"""The page of the release decisions has what its tables hold."""

from pathlib import Path
from typing import Any

import pytest

from pages.published import open_published
from pages.releases import MAX_ROWS, write
from pages.site import Site
from tests.pages import documented, ledger
from tests.pages.test_money import rows_of

ROW = {
    "milestone_id": 1, "project_id": 1, "project_title": "Open <Garden>",
    "milestone_title": "Prototype",
    "milestone_number": 1, "milestone_count": 3, "days_left": -4.2, "days_overdue": 4.2,
    "is_submitted": True, "submitted_at": "2024-01-05 10:00:00", "vote_count": 8,
    "approval_count": 6, "rejection_count": 2, "approval_ratio": 0.75, "turnout_ratio": 0.4,
    "held_amount": 1000, "risk_source": "prediction", "skill_state": "not_proven",
    "release_amount": 250, "held_back_amount": 50, "is_decided": False, "risk_probability": 0.4,
    "loss_ratio": 0.2, "hold_back_risk": 0.2, "review_risk": 0.3,
    "expected_loss_amount": 20, "expected_loss_amount_held_back": "1234.50",
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
        50000 as lost_amount_per_1000, 0 as model_count,
        30000 as lost_amount_per_1000_low, 80000 as lost_amount_per_1000_high,
        1 as always_release_ratio
    union all by name
    select 'vote_1d' as snapshot_kind, 'recommendations' as decision_policy,
        88 as milestone_count, 60 as released_count, 0.1 as released_high_risk_ratio,
        30000 as lost_amount_per_1000, 40 as model_count,
        0.6 as always_release_ratio, 0.4 as always_release_ratio_low,
        0.9 as always_release_ratio_high"""


def page(path: Path, site: Site, decisions: list[dict[str, Any]]) -> str:
    """Makes the page from insights as dbt promises them."""
    as_of = [{"as_of": ledger.AS_OF}]
    documented.create(
        path, {"core.warehouse_as_of": as_of, "insights.release_decisions": decisions}
    )
    if decisions:
        documented.sql(path, VALUES)
    return written(path, site)


def written(path: Path, site: Site) -> str:
    with open_published(path) as published:
        write(published, site)
    return " ".join((site.root / "releases" / "index.html").read_text().split())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "escrow.duckdb"


def test_page_shows_decisions_and_what_policies_lost(path: Path, site: Site) -> None:
    text = page(path, site, [ROW, ROW | UNKNOWN | {"milestone_id": 2}])
    for part in (
        "Open &lt;Garden&gt;", "6 of 8 votes for, 40.0 % risk", "vote_count = 2 (+0.050)",
        "risk not known: decide by hand",
        "not approved within these 14 days is <i>review</i> while most votes are for it",
        "1,000.00",
        "No risk is known for 1 submitted milestone:",
        "The model now: <b>no proven skill</b>", "of 88; 10.0 % high risk",
        "its value is biased upwards", "1,234.50 with 20 % held back",
    ):  # fmt: skip
        assert part in text, part
    assert "None" not in text
    always, recommended = rows_of(text, "lost")
    assert always[2:4] == ["88 of 88; 25.0 % high risk", "50,000.00 30,000.00 to 80,000.00"]
    assert always[4] == "100.0 %"
    assert recommended[3:] == ["30,000.00 no interval", "60.0 % 40.0 % to 90.0 %"]


def test_page_names_the_loss_ratio_of_each_vote(path: Path, site: Site) -> None:
    """Half and half is no majority; what has no votes has the loss ratio of all."""
    doubted = {"approval_count": 4, "rejection_count": 4, "loss_ratio": 0.3}
    silent = {"vote_count": 0, "approval_count": 0, "rejection_count": 0, "loss_ratio": 0.25}
    rows = [ROW | {"loss_ratio": 0.05, "hold_back_risk": 0.5}, ROW | doubted, ROW | silent]
    text = page(path, site, [row | {"milestone_id": place} for place, row in enumerate(rows)])
    assert (
        "Loss ratio 5.0 % with more votes for than against: 20 % is held back from a risk of"
        " 50.0 % on." in text
    )
    assert "Loss ratio 30.0 % with as many votes for as against, or fewer" in text
    assert "Loss ratio 25.0 % without votes" in text
    assert (
        "While they are few, it is near one in <code>late_per_lost</code>, with most votes for one"
        " in <code>late_per_lost_voted_for</code>." in " ".join(text.split())
    )


def test_page_says_what_to_decide_to_watch_and_to_chase(path: Path, site: Site) -> None:
    watched = {"milestone_id": 3, "is_submitted": False, "recommendation": "watch"}
    watched |= {"project_title": "Watched Garden", "expected_loss_amount": None}
    watched |= {"risk_probability": None, "risk_source": "none", "days_left": 5.5}
    text = page(path, site, [ROW | OVERDUE | {"milestone_id": 2}, ROW | watched, ROW])
    [decided] = rows_of(text, "decide")
    assert decided == [
        "Open <Garden> Prototype (1 of 3)",
        "hold back 20 % Submitted, 6 of 8 votes for, 40.0 % risk: hold back 20 %.",
        "5 Jan 2024",
        "6 for, 2 against 75.0 % for, 40.0 % turnout",
        "250.00 of 1,000.00 held",
        "40.0 % prediction: vote_count = 2 (+0.050)",
        "20.00 1,234.50 with 20 % held back",
        # a draw decides nothing for a project that has launched
        "front loaded",
    ]
    [watch] = rows_of(text, "watch")
    assert (watch[0].split(" Prototype")[0], watch[1]) == ("Watched Garden", "in 5.5 days")
    [overdue] = rows_of(text, "overdue")
    assert overdue[0].startswith("Overdue Garden")
    assert (overdue[1], overdue[3]) == ("4.2", "certain known outcome")
    assert "<b>1</b> submitted" in text
    assert 'href="../projects/1.html#milestone-1"' in text


def test_submitted_without_votes_says_so(path: Path, site: Site) -> None:
    [row] = rows_of(page(path, site, [ROW | UNKNOWN]), "decide")
    assert row[3] == "no votes"
    assert row[5:] == ["\N{EN DASH}", "\N{EN DASH}", "not given"]


def test_every_milestone_is_shown_up_to_what_a_page_may_weigh(path: Path, site: Site) -> None:
    """The first by expected loss; the page says how to ask for the rest."""
    most = MAX_ROWS["decide"]
    many = [
        ROW | {"milestone_id": each, "expected_loss_amount": each, "project_title": f"No {each}"}
        for each in range(1, most + 3)
    ]
    text = page(path, site, many[:most])
    assert len(rows_of(text, "decide")) == most
    assert "by expected loss; all of them" not in text
    documented.create(path, {"insights.release_decisions": many[most:]})
    text = written(path, site)
    rows = rows_of(text, "decide")
    assert [len(rows), rows[0][0], rows[-1][0]] == [
        most, f"No {most + 2} Prototype (1 of 3)", "No 3 Prototype (1 of 3)"
    ]  # fmt: skip
    assert f"The first {most} of {most + 2} by expected loss; all of them:" in text
    assert "from insights.release_decisions where is_submitted" in text


def test_page_without_milestones_says_so(path: Path, site: Site) -> None:
    text = page(path, site, [])
    assert "No milestone is open." in text
    assert "Not enough past milestones:" in text
    assert "None" not in text


def test_a_trillion_fits(path: Path, site: Site) -> None:
    row = {"release_amount": "1000000000000.01", "held_amount": "9999999999999999.99"}
    [shown] = rows_of(page(path, site, [ROW | row]), "decide")
    assert shown[4] == "1,000,000,000,000.01 of 9,999,999,999,999,999.99 held"


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
    path: Path,
    site: Site,
    ratio: str,
    low: str,
    high: str,
    verdict: str,
) -> None:
    page(path, site, [ROW])
    documented.sql(
        path,
        f"""update insights.decision_values set always_release_ratio = {ratio},
            always_release_ratio_low = {low}, always_release_ratio_high = {high}
        where decision_policy = 'recommendations'""",
    )
    assert verdict in written(path, site)
