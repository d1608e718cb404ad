"""The overview says where the money is, what needs a decision, and what a model is worth."""

from pathlib import Path
from typing import Any

import pytest

from pages.overview import write
from pages.published import open_published
from pages.site import Site
from tests.pages import documented, ledger
from tests.pages.test_money import rows_of

# what landing and the models leave, where the ledger was made by hand
BESIDE = """
    create schema quality;
    create schema raw;
    create schema intermediate;
    create table quality.quarantined_rows (run_id varchar);
    create table raw.landing as select 'run-1' as run_id;
    create table intermediate.int_models_in_use as
        select 'project_success' as model_name, 'trained' as status, null::varchar as reason,
            'proven' as skill_state, timestamp '2023-06-01' as cutoff_at;
    create table intermediate.int_final_amount_in_use as
        select 'skipped' as status, 'no campaign has ended' as reason"""
DECISION = {
    "project_id": 2, "milestone_id": 22, "project_title": "Paid in parts",
    "milestone_title": "Prototype", "recommendation": "review", "is_submitted": True,
    "recommendation_reason": "Submitted, no votes yet: review before paying.",
    "release_amount": "699999999999.67", "expected_loss_amount": "12345678901.23",
    "days_left": -3.5,
}  # fmt: skip
OTHERS = (
    DECISION
    | {"milestone_id": 23, "recommendation": "overdue", "is_submitted": False, "days_left": -20}
    | {"project_title": "Late <i>one</i>", "expected_loss_amount": "99999999999.99"},
    DECISION
    | {"milestone_id": 24, "recommendation": "watch", "is_submitted": False, "days_left": 14}
    | {"project_title": "Due soon", "expected_loss_amount": None, "release_amount": 10},
    DECISION
    | {"milestone_id": 25, "recommendation": "watch", "is_submitted": False, "days_left": 14.1}
    | {"project_title": "Due later", "expected_loss_amount": None, "release_amount": "0.30"},
)
LIVE = {
    "project_id": 1, "title": "Live <b>one</b>", "funding_goal": 2000, "funding_ratio": 5.967,
    "days_left": 2.5, "is_decided": False, "success_probability": 0.25,
    "is_success_predicted": False, "final_amount_low": 1, "final_amount_median": 2,
    "final_amount_high": 3, "skill_state": "proven",
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "escrow.duckdb"
    ledger.write(made)
    decided = LIVE | {"project_id": 6, "is_decided": True, "title": "Reached"}
    rows = {
        "insights.release_decisions": [*OTHERS, DECISION],
        "insights.project_outlook": [LIVE, decided | {"is_success_predicted": True}],
    }
    documented.create(made, rows)
    documented.sql(made, BESIDE)
    return made


def written(path: Path, site: Site) -> str:
    with open_published(path) as published:
        write(published, site)
    return " ".join((site.root / "index.html").read_text().split())


def page_of(platform: Any, site: Site) -> str:
    """The page of a platform on which the stages of ml have run, but nobody has pledged."""
    documented.create(platform.db)
    platform.sql("""
        create schema if not exists quality;
        create table quality.quarantined_rows (run_id varchar);
        create or replace view raw.landing as
            select as_of, 'run-1' as run_id from core.warehouse_as_of""")
    return written(platform.db, site)


def test_a_model_that_failed_is_named(finished: Any, failure: str, site: Site) -> None:
    assert page_of(finished, site).count(failure) == 1


def test_skill_that_could_not_be_tested_has_its_reason(finished: Any, site: Site) -> None:
    finished.sql(
        """update ml.model_runs set skill_state = 'not_tested',
        reason = 'all 40 test projects are of one creator'
        where model_name = 'project_success'"""
    )
    page = page_of(finished, site)
    assert page.count(">skill not tested</span> Model") == 1
    assert page.count("</a> (all 40 test projects are of one creator), measured on") == 1
    assert "failed" not in page


def test_tiles_equal_the_tables(path: Path, site: Site) -> None:
    text = written(path, site)
    assert "<b>1,099,999,999,999.68</b> <a" in text
    # submitted, or due in 14 days: not the overdue one, and not the one due later
    assert '<b>2</b> milestones due for a <a href="releases/index.html">decision</a>' in text
    assert "in 14 days: 700,000,000,009.67" in text
    assert "<b>12,345,678,901.23</b> money at risk" in text
    assert "paid in full, 1 milestone</li>" in text
    assert "<b>1</b> of 2 live projects" in text
    documented.sql(path, "delete from insights.project_outlook where project_id = 6")
    assert "<b>1</b> of 1 live project <a" in written(path, site)
    assert "<b>1 of 1</b> checks passed" in text


def test_only_what_may_be_released_now_is_at_risk(path: Path, site: Site) -> None:
    more = (
        DECISION | {"milestone_id": 26, "recommendation": "do_not_release"},
        DECISION
        | {"milestone_id": 27, "recommendation": "decide_by_hand", "expected_loss_amount": None}
        | {"release_amount": "10.30"},
    )
    documented.create(path, {"insights.release_decisions": more})
    text = written(path, site)
    assert "<b>12,345,678,901.23</b> money at risk" in text
    assert "paid in full, 2 milestones; no risk is known for 1 payment of 10.30</li>" in text
    documented.sql(path, "delete from insights.release_decisions where is_submitted")
    assert "<b>0.00</b> money at risk: nothing can be released now" in written(path, site)


@pytest.mark.parametrize("skill", ["'not_proven'", "'not_tested'", "null"])
def test_without_proven_skill_no_failure_is_counted(path: Path, site: Site, skill: str) -> None:
    documented.sql(path, f"update intermediate.int_models_in_use set skill_state = {skill}")
    text = written(path, site)
    assert "predicted to fail" not in text
    assert "<b>2</b> live projects; how many will fail is not counted" in text
    assert "a model without proven skill" in text


def test_what_is_submitted_comes_first_then_what_is_overdue(path: Path, site: Site) -> None:
    text = written(path, site)
    rows = rows_of(text, "decide")
    assert [row[0] for row in rows] == ["Paid in parts Prototype", "Late <i>one</i> Prototype"]
    assert [row[1:3] for row in rows] == [
        ["699,999,999,999.67", "12,345,678,901.23"],
        ["699,999,999,999.67", "99,999,999,999.99"],
    ]
    assert "then overdue ones: 2 need a decision, 2 being watched.</caption>" in text
    assert "Late &lt;i&gt;one&lt;/i&gt;" in text
    assert "<i>one" not in text


def test_the_funnel_counts_projects_and_money(path: Path, site: Site) -> None:
    rows = rows_of(written(path, site), "funnel")
    assert [[row[0], row[1], row[3], row[4]] for row in rows] == [
        ["Launched", "5", "1", "1,400,000,000,115.11"],
        ["Funded", "2", "0", "1,000,000,000,100.00"],
        ["First milestone submitted", "2", "0", "1,000,000,000,100.00"],
        ["First milestone approved", "2", "1", "1,000,000,000,100.00"],
        ["All milestones paid out", "0", "0", "0.00"],
    ]


def test_live_projects_have_their_probability_or_their_goal(path: Path, site: Site) -> None:
    text = written(path, site)
    first, second = rows_of(text, "closing")
    assert first[:6] == [
        "Live <b>one</b>",
        "2.5",
        "2,000.00",
        "596.7 %",
        "25.0 %",
        "2.00 1.00 to 3.00",
    ]
    assert second[4] == "goal reached"
    assert 'href="projects/1.html"' in text
    assert "none now, since no campaign has ended" in text


def test_an_empty_platform_says_what_is_missing(tmp_path: Path, site: Site) -> None:
    path = tmp_path / "escrow.duckdb"
    documented.create(path, {"core.warehouse_as_of": [{"as_of": ledger.AS_OF}]})
    documented.sql(path, BESIDE)
    documented.sql(
        path, "update intermediate.int_models_in_use set status = 'skipped', reason = 'x'"
    )
    text = written(path, site)
    for part in (
        "No milestone is open.", "Nobody has pledged yet", "No project has launched.",
        "No project is live.", "nothing can be released now", "Skipped: x.",
    ):  # fmt: skip
        assert part in text, part
    assert "None" not in text


def test_open_milestones_of_which_none_needs_a_decision(path: Path, site: Site) -> None:
    documented.sql(path, "delete from insights.release_decisions where recommendation <> 'watch'")
    assert "None of the 2 open milestones is submitted or overdue." in written(path, site)


def test_quarantined_rows_are_counted(path: Path, site: Site) -> None:
    documented.sql(path, "insert into quality.quarantined_rows values ('run-1'), ('run-0')")
    assert "1 raw row was quarantined" in written(path, site)
