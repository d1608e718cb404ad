-- The tables that ml writes: history, only ever added to.
create schema if not exists ml;

-- One row per run and candidate in which a candidate changed; the newest champion is in use.
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
    trained_at timestamp,
    is_champion boolean,
    decision varchar,
    compared_with varchar,
    compared_project_count bigint,
    log_loss_difference double,
    difference_low double,
    difference_high double
);
-- history of before there were champions: the one model was in use
alter table ml.model_runs add column if not exists is_champion boolean default true;
alter table ml.model_runs add column if not exists decision varchar;
alter table ml.model_runs add column if not exists compared_with varchar;
alter table ml.model_runs add column if not exists compared_project_count bigint;
alter table ml.model_runs add column if not exists log_loss_difference double;
alter table ml.model_runs add column if not exists difference_low double;
alter table ml.model_runs add column if not exists difference_high double;

-- One row per model version, split, kind of snapshot and metric. What the model is held against is
-- measured on the same rows: predictor names it, and stands behind a slash in model_version.
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
    measured_at timestamp,
    predictor varchar
);
alter table ml.model_metrics add column if not exists predictor varchar;

-- One row per model version, split, kind of snapshot and bin of a calibration curve.
create table if not exists ml.calibration_curves (
    run_id varchar,
    model_name varchar,
    model_version varchar,
    split varchar,
    snapshot_kind varchar,
    bin bigint,
    mean_probability double,
    observed_rate double,
    ci_low double,
    ci_high double,
    row_count bigint,
    measured_at timestamp
);

-- One row per model version and feature: how much the log loss grows when the feature is shuffled.
create table if not exists ml.feature_importance (
    run_id varchar,
    model_name varchar,
    model_version varchar,
    feature varchar,
    log_loss_increase double,
    increase_deviation double,
    row_count bigint,
    measured_at timestamp
);

-- One row per live prediction and what moved it; the contributions of a prediction add up to it.
create table if not exists ml.prediction_reasons (
    prediction_id varchar,
    model_name varchar,
    model_version varchar,
    entity_id bigint,
    rank bigint,
    feature varchar,
    feature_value varchar,
    contribution double,
    unit varchar,
    predicted_at timestamp
);

-- One row per model version, entity and snapshot, and one more for each online request.
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
