-- The tables that ml writes: history, only ever added to.
create schema if not exists ml;

-- One row per run and model in which the model changed: the newest row is the model in use.
create table if not exists ml.model_runs (
    run_id varchar,
    model_name varchar,
    model_version varchar,
    status varchar,
    reason varchar,
    estimator varchar,
    train_entity_count bigint,
    test_entity_count bigint,
    train_row_count bigint,
    test_row_count bigint,
    train_from_at timestamp,
    cutoff_at timestamp,
    as_of timestamp,
    data_fingerprint varchar,
    config_fingerprint varchar,
    code_fingerprint varchar,
    artifact_path varchar,
    artifact_sha256 varchar,
    trained_at timestamp
);

-- One row per model version, split, kind of snapshot and metric.
create table if not exists ml.model_metrics (
    run_id varchar,
    model_name varchar,
    model_version varchar,
    split varchar,
    snapshot_kind varchar,
    metric varchar,
    value double,
    ci_low double,
    ci_high double,
    row_count bigint,
    base_rate double,
    measured_at timestamp
);

-- One row per model version, entity and snapshot.
create table if not exists ml.predictions (
    prediction_id varchar,
    model_name varchar,
    model_version varchar,
    entity_id bigint,
    snapshot_at timestamp,
    snapshot_kind varchar,
    predicted_probability double,
    predicted_label boolean,
    predicted_at timestamp,
    origin varchar,
    is_decided boolean
);

-- One row per run, model, feature, clock and statistic.
create table if not exists ml.drift_stats (
    run_id varchar,
    model_name varchar,
    model_version varchar,
    as_of timestamp,
    feature varchar,
    clock varchar,
    statistic varchar,
    value double,
    threshold double,
    p_value double,
    adjusted_p_value double,
    reference_count bigint,
    current_count bigint,
    is_alert boolean,
    measured_at timestamp
);
-- history that is carried over may be older than this column
alter table ml.drift_stats add column if not exists value_low double;

-- One row per model version, earlier week, watched feature and clock: what the monitor would have
-- said then.
create table if not exists ml.drift_replays (
    run_id varchar,
    model_name varchar,
    model_version varchar,
    as_of timestamp,
    feature varchar,
    clock varchar,
    relative_mean_shift double,
    capped_mean_shift double,
    psi double,
    adjusted_p_value double,
    reference_count bigint,
    current_count bigint,
    is_alert boolean,
    measured_at timestamp
);

-- One row per run, model, feature and clock that moved.
create table if not exists ml.drift_alarms (
    run_id varchar,
    model_name varchar,
    model_version varchar,
    as_of timestamp,
    feature varchar,
    clock varchar,
    relative_mean_shift double,
    capped_mean_shift double,
    psi double,
    adjusted_p_value double,
    reference_count bigint,
    current_count bigint,
    since_at timestamp,
    expected_accuracy double,
    expected_accuracy_change double,
    words varchar,
    measured_at timestamp
);
