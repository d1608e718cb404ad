"""History of ml that older runs left is taken on: it opens, it counts, nothing of it is lost."""

from pathlib import Path

import duckdb

from tests.conftest import SILENTLY, Workshop
from tests.dbt_project.builds import Builds
from tests.dbt_project.export import write_csv

# before rows belonged to an AS_OF, before there were champions, and with `clock` as a column
OLD = """
create schema if not exists ml;
create table ml.model_runs (
    run_id varchar, model_name varchar, model_version varchar, status varchar, estimator varchar,
    as_of timestamp, trained_at timestamp);
insert into ml.model_runs values
    ('a', 'project_success', 'v1', 'trained', 'forest', '2024-01-01', '2024-06-01'),
    ('b', 'project_success', 'v1', 'trained', 'forest', '2024-02-01', '2024-06-02');
create table ml.predictions (
    prediction_id varchar, model_name varchar, model_version varchar, entity_id bigint,
    snapshot_at timestamp, snapshot_kind varchar, predicted_probability double,
    predicted_label boolean, predicted_at timestamp, origin varchar, is_decided boolean);
insert into ml.predictions values
    ('p', 'project_success', 'v1', 1, '2024-01-01', 'd3', 0.5, true, '2024-06-01', 'batch', false);
create table ml.model_metrics (
    run_id varchar, model_name varchar, model_version varchar, metric varchar, value double,
    measured_at timestamp);
insert into ml.model_metrics values
    ('a', 'project_success', 'v1', 'auc', 0.9, '2024-06-01'),
    ('a', 'project_success', 'v1/base_rate', 'auc', 0.5, '2024-06-01');
create table ml.drift_replays (
    run_id varchar, model_name varchar, model_version varchar, as_of timestamp, feature varchar,
    clock varchar, measured_at timestamp);
insert into ml.drift_replays values
    ('a', 'project_success', 'v1', '2023-12-04', 'country', 'd3', '2024-06-01');
"""
STATE = {
    "select model_version, is_champion, skill_state from intermediate.int_models_in_use": [
        ("v1", None, "not_tested")
    ],
    "select prediction_id, as_of::varchar from staging.stg_predictions": [
        ("p", "2024-01-01 00:00:00")
    ],
    "select model_version, value from staging.stg_model_metrics order by 1": [
        ("v1", 0.9),
        ("v1/base_rate", 0.5),
    ],
    "select week_at::varchar, snapshot_kind from staging.stg_drift_replays": [
        ("2023-12-04 00:00:00", "d3")
    ],
    "select count(*) from ml.bandit_runs": [(0,)],
}


def test_history_of_older_runs_is_taken_on(
    builds: Builds, workshop: Workshop, tmp_path: Path
) -> None:
    workshop.land(write_csv(builds.tables, tmp_path / "data"))
    with duckdb.connect(str(workshop.database)) as connection:
        connection.execute(OLD)
    for _ in range(2):  # the second time there is nothing left to do
        workshop.dbt(*SILENTLY, "build", "--selector", "features", "--resource-type", "seed")
        with duckdb.connect(str(workshop.database)) as connection:
            columns = connection.execute("describe ml.model_runs").fetchall()
            counts = connection.execute("select count(*) from ml.predictions").fetchall()
        assert len(columns) == len({column[0] for column in columns}) == 27
        assert counts == [(1,)]
    workshop.dbt(*SILENTLY, "run", "--select", "+int_predictions_current", "tag:ml_state")
    with duckdb.connect(str(workshop.database)) as connection:
        found = {sql: connection.execute(sql).fetchall() for sql in STATE}
    assert found == STATE
