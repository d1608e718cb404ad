"""The page about the models in use says what the tables say, in text as well as in charts."""

import re
from datetime import date
from typing import Any

from pages import monitoring
from pages.formats import day
from pages.monitoring import write
from pages.published import open_published
from pages.site import Site

INSIGHTS = """
    create schema insights;
    create table insights.drift_alerts as
        select model_name, feature, snapshot_kind, words, since_at from ml.drift_alarms;
    create table insights.drift_status as
        select * from ml.drift_checks
        qualify row_number() over (
            partition by model_name, snapshot_kind, subject order by measured_at desc) = 1;
    create table insights.model_performance_monthly as
        select 'project_success' as model_name, model_version, date '2023-12-01' as cohort_month,
            'd3' as snapshot_kind, 0.625 as majority_guess, 40 as matured_count,
            10 as pending_count, 0.75 as accuracy, 0.6 as accuracy_low, 0.86 as accuracy_high,
            0.8 as matured_estimated_accuracy, 0.7 as pending_estimated_accuracy
        from ml.model_runs where model_name = 'project_success'"""


def page_of(platform: Any, site: Site) -> str:
    platform.sql(INSIGHTS)
    with open_published(platform.db) as published:
        write(published, site)
    return (site.root / "monitoring" / "index.html").read_text()


def rows_of(page: str, table: str) -> list[list[str]]:
    """The cells of a table, as they are read."""
    body = page.split(f'<table class="data" id="{table}">')[1].split("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body.split("<tbody>")[1], flags=re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL) for row in rows]
    return [[" ".join(re.sub("<[^>]*>", "", cell).split()) for cell in row] for row in cells]


def test_features_that_were_not_tested_are_not_called_without_drift(
    finished: Any, site: Site
) -> None:
    finished.sql(
        """update ml.drift_checks set model_status = 'features not tested',
        model_summary = 'no drift detected (features not tested)'"""
    )
    page = page_of(finished, site)
    assert page.count("No drift detected (features not tested).") == 2
    assert page.count("<b>Features not tested</b>") == 2
    assert re.search(r"\d+ of \d+ since the cut</td>", page)


def test_a_quiet_platform_says_so(finished: Any, site: Site) -> None:
    page = page_of(finished, site)
    assert len(re.findall(r"No drift detected \(\d+ features tested\)\.", page)) == 2
    assert page.count("No alert in any of these weeks.") == 2
    assert "No prediction has reached the week of its outcome yet." in page
    shown = [cell for row in rows_of(page, "months-project_success") for cell in row]
    interval = ["75.0 %", "60.0 % to 86.0 %"]
    assert shown == ["Dec 2023", "40", "10", *interval, "62.5 %", "80.0 %", "70.0 %"]
    for name in ("project_success", "milestone_risk"):
        [row] = rows_of(page, f"outcomes-{name}")
        assert re.fullmatch(r"[\d,.]+", row[6])  # evidence of an error
    assert "report only: shifts as the platform ages" in page
    assert "report only: shifts with every refit" in page
    assert "backtest.html" not in page


def test_what_was_not_tested_is_not_called_quiet(finished: Any, site: Site) -> None:
    finished.edit("min_entities = 30\nmean", "min_entities = 5000\nmean")
    assert finished.run("monitor", run_id="run-2", hour=1).code == 0
    page = page_of(finished, site)
    assert len(re.findall(r"Not tested: [\d,]+ of 5,000 (reference )?projects needed\.", page)) == 2
    assert '<b>Not tested</b> <a href="#project_success">' in page
    assert "No drift" not in page


def test_a_unit_that_failed_is_named(finished: Any, site: Site) -> None:
    finished.sql(
        """insert into ml.failures
        select 'run-9', 'train', 'milestone_risk', as_of, true, 'KeyError: x', now()
        from core.warehouse_as_of"""
    )
    page = page_of(finished, site)
    assert "Stage train of milestone_risk failed because of a bug in run run-9" in page
    finished.sql(
        """insert into ml.failures
        select 'run-10', 'train', 'milestone_risk', as_of, false, null, now() + interval 1 hour
        from core.warehouse_as_of"""
    )
    finished.sql("drop schema insights cascade")
    assert "failed" not in page_of(finished, site)


def test_an_alert_stands_there_with_its_weeks(finished: Any, site: Site) -> None:
    finished.sql(
        """update features.project_features set average_pledge_amount = 9 * average_pledge_amount
        where snapshot_kind = 'd3' and snapshot_at > timestamp '2023-09-04'"""
    )
    finished.sql("delete from ml.drift_replays")
    assert finished.run("monitor", run_id="run-2", hour=1).code == 0
    ((message, since),) = finished.sql("select words, since_at from ml.drift_alarms")
    (site.root / "monitoring").mkdir(parents=True)
    (site.root / "monitoring" / "backtest.html").touch()
    page = page_of(finished, site)
    assert message in page
    assert finished.sql("select feature, snapshot_kind from ml.drift_alarms") == [
        ("average_pledge_amount", "d3")
    ]
    periods = rows_of(page, "periods-project_success")
    alert = ["average_pledge_amount 3 days after launch (d3)", day(since), "now"]
    assert alert in periods
    assert '"result":"alert"' in page
    assert 'href="backtest.html"' in page


def test_without_a_model_there_is_still_a_page(finished: Any, site: Site) -> None:
    finished.sql("update ml.model_runs set status = 'skipped'")
    assert "No model is in use" in page_of(finished, site)


def test_the_same_tables_give_the_same_bytes(finished: Any, site: Site) -> None:
    first = page_of(finished, site)
    finished.sql("drop schema insights cascade")
    assert page_of(finished, site) == first


def test_no_interval_starts_at_minus_zero() -> None:
    row = {"month": date(2023, 3, 1), "low": -1e-17, "high": 0.5}
    assert "0.0 % to 50.0 %" in monitoring._month(row)["interval"]
    assert "-0.0" not in monitoring._month(row)["interval"]
