"""The overview says what a model is worth, and what is missing."""

import re
from typing import Any

from pages.overview import write
from pages.published import open_published
from pages.site import Site
from tests.ml.test_tiny_platforms import insights

# what dbt and landing make, where nothing is live
BESIDE = """
    create schema insights;
    create schema if not exists quality;
    create table core.escrow_balances (held_amount decimal(18, 2));
    create table quality.quarantined_rows (run_id varchar);
    create or replace view raw.landing as
        select as_of, 'run-1' as run_id from core.warehouse_as_of"""


def page_of(platform: Any, site: Site) -> str:
    platform.sql(BESIDE)
    for table in ("project_outlook", "milestone_outlook", "release_decisions"):
        platform.sql(f"create table insights.{table} ({insights()[table]})")
    with open_published(platform.db) as published:
        write(published, site)
    return " ".join((site.root / "index.html").read_text().split())


def test_a_model_that_failed_is_named(finished: Any, site: Site) -> None:
    finished.sql(
        """insert into ml.failures
        select 'run-9', 'train', 'project_success', as_of, true, 'KeyError: x', now()
        from core.warehouse_as_of"""
    )
    said = (
        "Stage train of project_success failed because of a bug in run run-9 (KeyError: x):"
        " it gives no probabilities for this timestamp."
    )
    assert page_of(finished, site).count(said) == 1


def test_skill_that_could_not_be_tested_has_its_reason(finished: Any, site: Site) -> None:
    finished.sql(
        """update ml.model_runs set skill_state = 'not_tested',
        reason = 'all 40 test projects are of one creator'
        where model_name = 'project_success'"""
    )
    page = page_of(finished, site)
    assert page.count("<b>skill not tested</b> (all 40 test projects are of one creator).") == 1
    assert "failed" not in page


def test_baselines_without_intervals_beside_them_have_their_projects(
    finished: Any, site: Site
) -> None:
    finished.sql(
        """insert into ml.final_amount_runs by name
        select 'v' as model_version, 'trained' as status, as_of, as_of as cutoff_at, as_of as
            measured_at, 9 as train_project_count, 16 as test_project_count, 'd3' as
            without_intervals, 'run-1' as run_id
        from core.warehouse_as_of;
        insert into ml.final_amount_metrics by name
        select 'v' as model_version, 'pace_extrapolation' as predictor, 'd3' as snapshot_kind,
            'log_width' as metric, 1.0 as value, 16 as project_count, as_of, as_of as measured_at,
            'run-1' as run_id
        from core.warehouse_as_of"""
    )
    page = page_of(finished, site)
    assert re.findall(r'data-label="Projects">(\d+)<', page) == ["16"]
