"""The page of data quality: each run stands on the results of the run that made them."""

from pathlib import Path

import duckdb

from pages import quality
from pages.published import open_published
from pages.site import Site
from pipeline.quality import DDL

TABLES = f"""
    create schema quality; create schema raw;
    {DDL}
    create table quality.validation_results (
        run_id varchar, table_name varchar, column_name varchar, expectation varchar,
        severity varchar, success boolean, unexpected_count bigint, validated_at timestamp);
    create table quality.quarantined_rows (
        run_id varchar, table_name varchar, row_key varchar, rule varchar, reason varchar,
        source varchar);
    create table raw.landing as select 'run-2' as run_id;
    """
ROWS = """
    insert into quality.validation_results values
        ('run-1', 'core.fct_pledges', 'amount', 'values_between', 'error', true, 0, now()),
        ('run-2', 'core.fct_pledges', 'amount', 'values_between', 'warn', false, 3, now());
    insert into quality.dbt_test_results by name
    select 'run-1' as run_id, 'features' as stage, 'unique' as test_name,
        'core.dim_projects' as model, 'project_id' as column_name, 'error' as severity,
        'pass' as status, 0 as failures, now()::timestamp as tested_at;
    insert into quality.runs by name
    select 'run-1' as run_id, '2024-01-01'::timestamp as as_of, 'a' as data_name,
        '2024-01-01'::timestamp as published_at, 'run-1' as features_run_id,
        'run-1' as validation_run_id, 'run-1' as insights_run_id
    union all by name
    select 'run-2' as run_id, '2024-01-02'::timestamp as as_of, 'a' as data_name,
        '2024-01-02'::timestamp as published_at, 'run-1' as features_run_id,
        'run-2' as validation_run_id, 'run-1' as insights_run_id;
    insert into quality.table_volumes values
        ('run-1', 'raw.pledges', 100, '2023-12-31', now()),
        ('run-2', 'raw.pledges', 140, '2024-01-01', now());
    insert into quality.quarantined_rows values
        ('run-2', 'votes', '7', 'duplicate_key', 'vote 7 stands there <b>twice</b>', 'votes.csv:9');
    """


def page(site: Site, folder: Path, *statements: str) -> str:
    path = folder / "escrow.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    with open_published(path) as published:
        quality.write(published, site)
    return (site.root / "quality" / "index.html").read_text()


def test_the_newest_run_shows_results_of_the_runs_it_stands_on(site: Site, tmp_path: Path) -> None:
    text = page(site, tmp_path, TABLES, ROWS)
    assert '<li class="tile warning some"><b>0 of 1</b> expectations of the data passed' in text
    assert "<b>1 of 1</b> dbt tests passed" in text  # of run-1: run-2 did not test again
    assert '<span class="badge warning">warning</span>' in text
    assert '<td class="number" data-order="3">3</td>' in text
    assert "2 of 4" not in text
    assert "1 of 4 cells hold a failed check" in text


def test_a_failed_test_of_severity_error_shows_in_red(site: Site, tmp_path: Path) -> None:
    failed = "update quality.dbt_test_results set status = 'fail', failures = 2"
    text = page(site, tmp_path, TABLES, ROWS, failed)
    assert '<li class="tile error some"><b>0 of 1</b> dbt tests passed' in text


def test_volumes_freshness_and_quarantined_rows_are_those_of_the_tables(
    site: Site, tmp_path: Path
) -> None:
    text = page(site, tmp_path, TABLES, ROWS)
    assert '<td class="number" data-order="40">40</td>' in text
    assert "<b>1.0 days</b> from the newest event" in text
    assert "<b>1</b> rows of the export quarantined" in text
    assert "vote 7 stands there &lt;b&gt;twice&lt;/b&gt;" in text


def test_a_warehouse_without_a_history_says_so(site: Site, tmp_path: Path) -> None:
    text = page(site, tmp_path, TABLES)
    assert "No run has left results yet" in text
    assert "None: every row of the export keeps the raw contract." in text
    assert "None of" not in text
