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

-- One row per change of the bandit in use, of the moment it is for, or of its reason not to run.
create table if not exists ml.bandit_runs (
    run_id varchar,
    bandit_version varchar,
    status varchar,
    reason varchar,
    as_of timestamp,
    starts_at timestamp,
    settings varchar,
    measured_at timestamp
);

-- One row per bandit version, week and release strategy: what was known before the week began.
create table if not exists ml.bandit_posteriors (
    run_id varchar,
    bandit_version varchar,
    batch_at timestamp,
    release_strategy varchar,
    decision_number bigint,
    prior_alpha double,
    prior_beta double,
    alpha double,
    beta double,
    reward_count bigint,
    pending_count bigint,
    mean_on_time_share double,
    mean_money_kept_share double,
    best_probability double,
    propensity double,
    epsilon double,
    state varchar,
    measured_at timestamp
);

-- One row per bandit version and project launched since its start.
create table if not exists ml.bandit_decisions (
    run_id varchar,
    bandit_version varchar,
    project_id bigint,
    launched_at timestamp,
    batch_at timestamp,
    chosen_strategy varchar,
    propensity double,
    state varchar,
    epsilon double,
    draw double,
    seed bigint,
    snapshot varchar,
    decided_at timestamp
);

-- One row per bandit version, moment, candidate policy, metric and estimator.
create table if not exists ml.policy_values (
    run_id varchar,
    bandit_version varchar,
    as_of timestamp,
    policy varchar,
    metric varchar,
    estimator varchar,
    status varchar,
    reason varchar,
    value double,
    ci_low double,
    ci_high double,
    decision_count bigint,
    min_propensity double,
    effective_sample_size double,
    measured_at timestamp
);
