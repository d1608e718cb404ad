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

-- One row per experiment, treatment arm, metric and look; a changed result is added whole, the
-- newest measurement for a moment counts.
create table if not exists ml.experiment_results (
    run_id varchar,
    experiment varchar,
    is_exploratory boolean,
    hypothesis varchar,
    control varchar,
    treatment varchar,
    metric varchar,
    metric_role varchar,
    look_number bigint,
    look_at timestamp,
    control_backer_count bigint,
    treatment_backer_count bigint,
    control_view_count bigint,
    treatment_view_count bigint,
    control_value double,
    treatment_value double,
    difference double,
    difference_low double,
    difference_high double,
    repeated_difference_low double,
    repeated_difference_high double,
    lift_ratio double,
    lift_ratio_low double,
    lift_ratio_high double,
    repeated_lift_ratio_low double,
    repeated_lift_ratio_high double,
    statistic double,
    p_value double,
    adjusted_p_value double,
    cuped_difference double,
    cuped_difference_low double,
    cuped_difference_high double,
    cuped_variance_ratio double,
    information double,
    information_fraction double,
    alpha_spent double,
    boundary double,
    is_significant boolean,
    conditional_power double,
    control_exposed_count bigint,
    treatment_exposed_count bigint,
    sample_ratio_p_value double,
    sample_ratio_threshold double,
    is_sample_ratio_broken boolean,
    window_days bigint,
    first_window_closes_at timestamp,
    missing_reason varchar,
    decision varchar,
    reason varchar,
    as_of timestamp,
    measured_at timestamp
);
alter table ml.experiment_results add column if not exists window_days bigint;
alter table ml.experiment_results add column if not exists first_window_closes_at timestamp;
alter table ml.experiment_results add column if not exists missing_reason varchar;

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

-- One row per model version, moment, kind of snapshot and subject (features, predictions, outcomes):
-- whether it was tested for drift, and with what outcome. A skipped model has one row without them.
create table if not exists ml.drift_checks (
    run_id varchar,
    model_name varchar,
    model_version varchar,
    as_of timestamp,
    snapshot_kind varchar,
    subject varchar,
    status varchar,
    reason varchar,
    feature_count bigint,
    alert_count bigint,
    reference_count bigint,
    current_count bigint,
    needed_count bigint,
    measured_at timestamp
);

-- One row per unit of a stage (a model, an experiment, the bandit) and moment at which a bug ended
-- it, and one more when it succeeded again; the newest counts.
create table if not exists ml.failures (
    run_id varchar,
    stage varchar,
    unit varchar,
    as_of timestamp,
    is_failed boolean,
    reason varchar,
    recorded_at timestamp
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
