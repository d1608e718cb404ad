"""What the pipeline writes into schema `quality`: runs, tests of dbt, and the volumes of tables."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pipeline.database import Connection, literal, scalar
from pipeline.manifest import DbtTest

KEPT_RUNS = 100
RUNS = """
    create table if not exists quality.runs (
        run_id varchar,
        as_of timestamp,
        data_name varchar,
        scale integer,
        seed bigint,
        scenario varchar,
        started_at timestamp,
        published_at timestamp,
        features_run_id varchar,
        validation_run_id varchar,
        insights_run_id varchar
    );
"""
DBT_TEST_RESULTS = """
    create table if not exists quality.dbt_test_results (
        run_id varchar,
        stage varchar,
        test_name varchar,
        model varchar,
        column_name varchar,
        severity varchar,
        status varchar,
        failures bigint,
        tested_at timestamp
    );
"""
TABLE_VOLUMES = """
    create table if not exists quality.table_volumes (
        run_id varchar,
        table_name varchar,
        row_count bigint,
        newest_event_at timestamp,
        measured_at timestamp
    );
"""
DDL = RUNS + DBT_TEST_RESULTS + TABLE_VOLUMES
MEASURED_SCHEMAS = ("raw", "core", "features", "insights")
MEASURED_TABLES = ("ml.predictions", "quality.quarantined_rows")
# A view that joins a project to each row of a table; counting that table looks none of them up.
COUNTED_BY = {"core.backer_balances": "intermediate.int_pledges_grouped_by_backer"}


class Run(NamedTuple):
    """The run that publishes, and the runs whose results it publishes.

    Attributes:
        run_id: The run.
        started_at: When it began (ISO 8601, UTC).
        data_name: Name of the folder of raw files.
        scale: Of the generated platform; None, like seed and scenario, for an export.
        seed: Of the generated platform.
        scenario: Of the generated platform.
        features_run_id: The run that built and tested core and features.
        validation_run_id: The run that validated the build.
        insights_run_id: The run that built and tested insights.
    """

    run_id: str
    started_at: str
    data_name: str
    scale: int | None
    seed: int | None
    scenario: str | None
    features_run_id: str
    validation_run_id: str
    insights_run_id: str


def last_export(con: Connection) -> str | None:
    """The name of the export that a database was last published from; None if it was generated.

    Raises:
        DatabaseError: It is of a version that recorded no runs.
    """
    name: str | None = scalar(
        con,
        """
        select case when scale is null then data_name end from quality.runs
        order by published_at desc, run_id desc limit 1
        """,
    )
    return name


def store_tests(
    con: Connection,
    results: Iterable[Any],
    tests: Mapping[str, DbtTest],
    *,
    stage: str,
    run_id: str,
) -> None:
    """Writes the results of a stage's tests in place of those that the run wrote before.

    Args:
        con: The build.
        results: What dbt returned, one result per node.
        tests: The tests of the project by dbt's id.
        stage: The stage that ran them: features or insights.
        run_id: The run.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = []
    for each in results:
        if test := tests.get(each.node.unique_id):
            found = (str(each.status), each.failures, now)
            rows.append([run_id, stage, test.name, test.table, test.column, test.severity, *found])
    con.execute("begin")
    con.execute(f"create schema if not exists quality; {DBT_TEST_RESULTS}")
    con.execute(
        "delete from quality.dbt_test_results where run_id = $1 and stage = $2", [run_id, stage]
    )
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        con.executemany(f"insert into quality.dbt_test_results values ({marks})", rows)
    con.execute("commit")


def record(con: Connection, run: Run, newest_events: Mapping[str, str]) -> None:
    """Writes the run and the volumes of its tables, and forgets all but the last runs.

    Args:
        con: The build, which is about to be published.
        run: The run; what a publish that was killed wrote of it is replaced.
        newest_events: The last recorded event of raw tables by name.
    """
    con.execute("begin")
    con.execute(DDL)
    for table in ("runs", "table_volumes"):
        con.execute(f"delete from quality.{table} where run_id = $1", [run.run_id])
    marks = ", ".join(f"${name}" for name in run._fields)
    now = datetime.now(UTC).replace(tzinfo=None)
    con.execute(
        f"insert into quality.runs ({', '.join(run._fields)}, as_of, published_at)"
        f" select {marks}, (select max(as_of) from core.warehouse_as_of), $now",
        run._asdict() | {"now": now},
    )
    _measure(con, run.run_id, now, newest_events)
    _forget_old_runs(con)
    con.execute("commit")


def _measure(con: Connection, run_id: str, now: datetime, newest_events: Mapping[str, str]) -> None:
    found = con.execute(
        """
        select table_schema || '.' || table_name as name from information_schema.tables
        where list_contains($1, table_schema) or list_contains($2, name)
        order by name
        """,
        [list(MEASURED_SCHEMAS), list(MEASURED_TABLES)],
    ).fetchall()
    newest = {f"raw.{name}": event for name, event in newest_events.items()}
    counts = " union all ".join(
        f"select {literal(name)}, count(*), cast({_or_null(newest.get(name))} as timestamp)"
        f" from {COUNTED_BY.get(name, name)}"
        for (name,) in found
    )
    con.execute(
        "insert into quality.table_volumes"
        f" select $1, *, $2 from ({counts}) as counted (table_name, row_count, newest_event_at)",
        [run_id, now],
    )


def _or_null(value: str | None) -> str:
    return "null" if value is None else literal(value)


def _forget_old_runs(con: Connection) -> None:
    """Keeps the last runs, and the results of checks that these rest on."""
    con.execute(f"""
        delete from quality.runs where run_id not in (
            select run_id from quality.runs order by published_at desc, run_id desc
            limit {KEPT_RUNS}
        );
        delete from quality.table_volumes
        where run_id not in (select run_id from quality.runs);
        delete from quality.dbt_test_results
        where run_id not in (
            select features_run_id from quality.runs
            union all select insights_run_id from quality.runs
        );
        delete from quality.validation_results
        where run_id not in (select validation_run_id from quality.runs);
    """)
