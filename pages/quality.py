"""The page of data quality: what was checked in the last runs, how fresh and large tables are."""

from typing import Any

import altair as alt
from markupsafe import Markup

from pages import charts
from pages.formats import counted
from pages.published import Published
from pages.site import Site
from pages.tables import Column, badge

Row = dict[str, Any]
RUNS_SHOWN = 30
_MAX_ROWS = 200  # of quarantined ones
# Every check of the last runs that published: a run that did not test again stands on the results
# of the run that did.
_CHECKS = f"""
    with runs as (
        select *, row_number() over (order by published_at desc, run_id desc) as newest_first
        from quality.runs
        qualify newest_first <= {RUNS_SHOWN}
    ),
    checks as (
        select
            run_id, 'validation' as stage, 'expectation' as kind, table_name, column_name,
            expectation as check_name, success as is_passed, severity,
            unexpected_count as failure_count
        from quality.validation_results
        union all by name
        select
            run_id, stage, 'dbt test' as kind, coalesce(model, 'several tables') as table_name,
            column_name, test_name as check_name, status = 'pass' as is_passed, severity,
            failures as failure_count
        from quality.dbt_test_results
    ),
    checks_by_run as (
        select runs.newest_first, runs.published_at, checks.* exclude (run_id, stage)
        from runs
        inner join checks on checks.run_id = case checks.stage
            when 'validation' then runs.validation_run_id
            when 'features' then runs.features_run_id
            else runs.insights_run_id
        end
    )"""
_MATRIX = f"""{_CHECKS}
    select
        table_name, kind, newest_first, published_at,
        count(*) as check_count,
        count(*) filter (not is_passed) as failed_count,
        case
            when bool_or(not is_passed and severity = 'error') then 'failed'
            when bool_or(not is_passed) then 'warning'
            else 'passed'
        end as result
    from checks_by_run
    group by all
    order by kind, table_name, newest_first"""
_NEWEST = f"""{_CHECKS}
    select
        table_name, kind, coalesce(column_name, '') as column_name, check_name,
        case
            when bool_and(is_passed) filter (newest_first = 1) then 'passed'
            when severity = 'warn' then 'warning'
            else 'failed'
        end as result,
        sum(failure_count) filter (newest_first = 1) as failure_count,
        count(*) filter (not is_passed) as failed_before_count
    from checks_by_run
    group by table_name, kind, column_name, check_name, severity
    having count(*) filter (newest_first = 1) > 0
    order by result = 'passed', failed_before_count desc, table_name, kind, column_name, check_name
"""
_RUNS = f"""
    select
        run_id, as_of, published_at, data_name, scale, seed, scenario,
        (select count(*) from quality.quarantined_rows as rows where rows.run_id = runs.run_id)
            as quarantined_count
    from quality.runs
    order by published_at desc, run_id desc
    limit {RUNS_SHOWN}"""
_FRESHNESS = """
    select table_name, newest_event_at, as_of - newest_event_at as age
    from quality.table_volumes
    inner join quality.runs using (run_id)
    where
        newest_event_at is not null
        and run_id = (select max_by(run_id, published_at) from quality.runs)
    order by table_name"""
_VOLUMES = """
    with volumes as (
        select
            table_name, run_id, published_at, row_count,
            lag(row_count) over (partition by table_name order by published_at) as count_before
        from quality.table_volumes
        inner join quality.runs using (run_id)
    )
    select *, row_count - count_before as change_count
    from volumes
    where run_id = (select max_by(run_id, published_at) from quality.runs)
    order by table_name"""
_VOLUMES_OVER_TIME = f"""
    with runs as (
        select run_id, published_at, data_name from quality.runs
        order by published_at desc limit {RUNS_SHOWN}
    )
    select table_name, published_at, data_name, row_count
    from quality.table_volumes
    inner join runs using (run_id)
    where
        table_name in ('core.dim_projects', 'core.fct_pledges', 'core.fct_milestones',
            'core.fct_votes', 'core.fct_escrow_transactions', 'quality.quarantined_rows')
    order by table_name, published_at"""
_QUARANTINED = """
    select table_name, rule, count(*) as row_count, min(row_key) as example_key,
        any_value(reason order by row_key) as example_reason
    from quality.quarantined_rows
    where run_id = (select run_id from raw.landing)
    group by all
    order by row_count desc, table_name, rule"""
_QUARANTINED_ROWS = f"""
    select table_name, row_key, rule, reason, source
    from quality.quarantined_rows
    where run_id = (select run_id from raw.landing)
    order by table_name, rule, row_key
    limit {_MAX_ROWS}"""

CHECK_COLUMNS = (
    Column("check_name", "Check"),
    Column("table_name", "Table", filter=True),
    Column("column_name", "Column"),
    Column("kind", "Kind", filter=True),
    Column("result", "Result", filter=True),
    Column("failure_count", "Rows at fault", "count"),
    Column("failed_before_count", "Runs failed", "count"),
)
FRESHNESS_COLUMNS = (
    Column("table_name", "Table"),
    Column("newest_event_at", "Newest event", "timestamp"),
    Column("days", "Days before the data end", "number"),
)
VOLUME_COLUMNS = (
    Column("table_name", "Table"),
    Column("row_count", "Rows", "count"),
    Column("count_before", "Rows in the run before", "count"),
    Column("change_count", "Change", "count"),
)
RUN_COLUMNS = (
    Column("run_id", "Run"),
    Column("published_at", "Published", "timestamp"),
    Column("as_of", "Data as of", "timestamp"),
    Column("data_name", "Data"),
    Column("quarantined_count", "Quarantined rows", "count"),
)
RULE_COLUMNS = (
    Column("rule", "Rule"),
    Column("table_name", "Table", filter=True),
    Column("row_count", "Rows", "count"),
    Column("example_key", "For example"),
    Column("example_reason", "Reason"),
)
ROW_COLUMNS = (
    Column("row_key", "Row"),
    Column("table_name", "Table", filter=True),
    Column("rule", "Rule", filter=True),
    Column("reason", "Reason"),
    Column("source", "Source"),
)
_RESULTS = {"passed": charts.COLORS[2], "warning": charts.COLORS[4], "failed": charts.COLORS[1]}


def write(published: Published, site: Site) -> None:
    """Writes the page."""
    runs = published.rows(_RUNS)
    matrix = published.rows(_MATRIX)
    newest = [row for row in matrix if row["newest_first"] == 1]
    quarantined = published.rows(_QUARANTINED)
    over_time = published.rows(_VOLUMES_OVER_TIME)
    site.write(
        "quality/index.html",
        "quality.html.jinja",
        runs=runs,
        run_columns=RUN_COLUMNS,
        counts={kind: _counts(newest, kind) for kind in ("expectation", "dbt test")},
        matrix=_matrix(matrix) if matrix else None,
        checks=[_with_badge(row) for row in published.rows(_NEWEST)],
        check_columns=CHECK_COLUMNS,
        freshness=[_with_days(row) for row in published.rows(_FRESHNESS)],
        freshness_columns=FRESHNESS_COLUMNS,
        volumes=published.rows(_VOLUMES),
        volume_columns=VOLUME_COLUMNS,
        volume_chart=_volumes(over_time) if len(runs) > 1 else None,
        quarantined=quarantined,
        quarantined_count=sum(row["row_count"] for row in quarantined),
        rule_columns=RULE_COLUMNS,
        quarantined_rows=published.rows(_QUARANTINED_ROWS),
        row_columns=ROW_COLUMNS,
        max_rows=_MAX_ROWS,
    )


def _counts(newest: list[Row], kind: str) -> tuple[int, int, str]:
    """Returns how many checks of a kind the newest run made, how many failed, the worst result."""
    rows = [row for row in newest if row["kind"] == kind]
    worst = max((row["result"] for row in rows), key=list(_RESULTS).index, default="passed")
    counts = (sum(row[name] for row in rows) for name in ("check_count", "failed_count"))
    return *counts, worst


def _with_badge(row: Row) -> Row:
    tone = "error" if row["result"] == "failed" else row["result"]
    return {**row, "result": badge(tone, row["result"]), "result_order": row["result"]}


def _with_days(row: Row) -> Row:
    return {**row, "days": row["age"].total_seconds() / 86400}


def _matrix(rows: list[Row]) -> Markup:
    """Draws tables by runs, the newest run on the right; a cell is the worst result of a table."""
    made = charts.values([
        {
            **row,
            "run": -row["newest_first"] + 1,
            "table": row["table_name"].removeprefix("intermediate."),  # its names say as much
            "at": f"{row['published_at']:%Y-%m-%d %H:%M}",
            "said": f"{row['failed_count']:,} of {row['check_count']:,} failed",
        }
        for row in rows
    ])  # fmt: skip
    tables = len({row["table_name"] for row in rows})
    failed = sum(row["result"] != "passed" for row in rows)
    runs = len({row["newest_first"] for row in rows})
    room = charts.room(row["table"] for row in made["values"])

    def build(width: int) -> Any:
        limit = 150 if width <= charts.NARROW else 0  # names are short enough for a wide drawing
        names = alt.Axis(labelLimit=limit, labelFontSize=11, minExtent=170 if limit else room)
        return (
            alt.Chart(made)
            .mark_rect(stroke=charts.PAPER, strokeWidth=1)
            .encode(
                x=alt.X("run:O", title="Run: 0 is the newest", axis=alt.Axis(labelAngle=0)),
                y=alt.Y("table:N", title=None, axis=names),
                color=alt.Color(
                    "result:N",
                    title=None,
                    scale=alt.Scale(domain=list(_RESULTS), range=list(_RESULTS.values())),
                ),
                tooltip=[
                    alt.Tooltip("table_name:N", title="Table"),
                    alt.Tooltip("at:N", title="Published"),
                    alt.Tooltip("said:N", title="Checks"),
                ],
            )
            .properties(width=min(width - 120, 40 * runs) if width > 500 else width - 120)
            .facet(row=alt.Row("kind:N", title=None, header=alt.Header(orient="top")), spacing=12)
            .resolve_scale(y="independent")
        )

    text = (
        f"Results of the checks of {tables} tables over {counted(runs, 'published run')}:"
        f" {failed} of {len(rows)} cells hold a failed check."
    )
    return charts.chart("matrix", build, text=text, caption="Worst result by table and run")


def _volumes(rows: list[Row]) -> Markup:
    """Draws the rows of each large table, from run to run."""
    numbers = {at: place for place, at in enumerate(sorted({row["published_at"] for row in rows}))}
    newest = len(numbers) - 1
    made = charts.values([{**row, "run": numbers[row["published_at"]] - newest} for row in rows])

    def build(width: int) -> Any:
        return (
            alt.Chart(made)
            .mark_line(point=True)
            .encode(
                x=alt.X("run:O", title="Run: 0 is the newest", axis=alt.Axis(labelAngle=0)),
                y=alt.Y("row_count:Q", title="Rows", scale=alt.Scale(type="symlog")),
                color=alt.Color("table_name:N", title=None, legend=alt.Legend(columns=2)),
                tooltip=[
                    alt.Tooltip("table_name:N"),
                    alt.Tooltip("data_name:N"),
                    alt.Tooltip("row_count:Q", format=","),
                ],
            )
            .properties(width=width, height=220)
        )

    last = {row["table_name"]: row["row_count"] for row in rows}
    text = "Rows by table and run; now " + ", ".join(f"{k} {v:,}" for k, v in last.items()) + "."
    return charts.chart("volumes-over-runs", build, text=text, caption="Rows over runs (log scale)")
