-- Policy, drift alerts and experiment readout show what ml wrote for this AS_OF, and add up.
with

as_of as (
    select as_of from {{ ref('warehouse_as_of') }}
),

policy as (
    select * from {{ ref('release_policy') }}
),

policy_sums as (
    select
        count(*) as strategy_count,
        count(distinct batch_at) as batch_count,
        count(distinct bandit_version) as version_count,
        sum({{ as_decimal('launch_share_ratio', 15) }}) as launch_share_ratio,
        sum({{ as_decimal('best_probability', 15) }}) as best_probability
    from policy
),

bandits_in_use as (
    select * from {{ ref('int_bandits_in_use') }}
),

decisions as (
    select * from {{ ref('stg_bandit_decisions') }}
),

alerts as (
    select * from {{ ref('drift_alerts') }}
),

alert_counts as (
    select
        model_name,
        count(*) as alert_count
    from alerts
    group by model_name
),

checked as (
    select
        model_name,
        sum(coalesce(alert_count, 0)) as alert_count
    from {{ ref('drift_status') }}
    group by model_name
),

alerting as (
    select distinct
        model_name,
        model_version,
        feature,
        snapshot_kind,
        as_of
    from {{ ref('stg_drift_stats') }}
    where is_alert
),

readout as (
    select * from {{ ref('experiment_readout') }}
),

results as (
    select
        experiment,
        treatment,
        metric,
        look_number,
        measured_at,
        decision,
        difference
    from {{ ref('stg_experiment_results') }}
),

shown_rows as (
    select
        experiment,
        measured_at,
        count(*) as row_count
    from readout
    group by experiment, measured_at
),

written_rows as (
    select
        experiment,
        measured_at,
        count(*) as row_count
    from results
    group by experiment, measured_at
),

exposed as (
    select
        experiment,
        variant,
        count(distinct backer_id) as backer_count
    from {{ ref('fct_experiment_exposures') }}
    group by experiment, variant
)

select
    'launch_shares_add_up_to_1' as check_name,
    'policy' as row_key
from policy_sums
where strategy_count > 0 and abs(launch_share_ratio - 1) > 0.000000001
union all
select
    'chances_to_be_best_add_up_to_1' as check_name,
    'policy' as row_key
from policy_sums
where strategy_count > 0 and abs(best_probability - 1) > 0.000001
union all
select
    'policy_is_of_one_week_and_version' as check_name,
    'policy' as row_key
from policy_sums
where strategy_count > 0 and (batch_count <> 1 or version_count <> 1)
union all
select
    'policy_is_of_the_bandit_in_use_by_as_of' as check_name,
    policy.release_strategy as row_key
from policy
cross join as_of
left join bandits_in_use on policy.bandit_version = bandits_in_use.bandit_version
where
    bandits_in_use.bandit_version is null
    or policy.batch_at > as_of.as_of
    or policy.as_of <> as_of.as_of
union all
select
    'bandit_decides_once_a_project' as check_name,
    cast(project_id as string) as row_key
from decisions
group by bandit_version, project_id
having count(*) > 1
union all
select
    'bandit_decides_by_what_was_known_at_the_launch' as check_name,
    cast(project_id as string) as row_key
from decisions
where batch_at > launched_at
union all
select
    'alert_is_measured_as_one' as check_name,
    alerts.model_name || ' ' || alerts.feature || ' ' || alerts.snapshot_kind as row_key
from alerts
left join alerting
    on
        alerts.model_name = alerting.model_name
        and alerts.model_version = alerting.model_version
        and alerts.feature = alerting.feature
        and alerts.snapshot_kind = alerting.snapshot_kind
        and alerts.as_of = alerting.as_of
where alerting.model_name is null
union all
select
    'alert_is_at_as_of_and_since_before' as check_name,
    alerts.model_name || ' ' || alerts.feature || ' ' || alerts.snapshot_kind as row_key
from alerts
cross join as_of
where alerts.as_of <> as_of.as_of or alerts.since_at > as_of.as_of
union all
select
    'alerts_are_those_that_the_status_counts' as check_name,
    coalesce(checked.model_name, alert_counts.model_name) as row_key
from checked
full join alert_counts on checked.model_name = alert_counts.model_name
where coalesce(checked.alert_count, 0) <> coalesce(alert_counts.alert_count, 0)
union all
select
    'readout_shows_a_whole_analysis' as check_name,
    shown_rows.experiment as row_key
from shown_rows
left join written_rows
    on
        shown_rows.experiment = written_rows.experiment
        and shown_rows.measured_at = written_rows.measured_at
where shown_rows.row_count is distinct from written_rows.row_count
union all
select
    'readout_shows_one_analysis_per_experiment' as check_name,
    experiment as row_key
from shown_rows
group by experiment
having count(*) > 1
union all
select
    'readout_says_what_was_written' as check_name,
    readout.experiment || ' ' || readout.metric || ' ' || cast(readout.look_number as string)
        as row_key
from readout
inner join results
    on
        readout.experiment = results.experiment
        and readout.treatment = results.treatment
        and readout.metric = results.metric
        and readout.look_number = results.look_number
        and readout.measured_at = results.measured_at
where
    readout.decision is distinct from results.decision
    or readout.difference is distinct from results.difference
union all
select
    'readout_is_at_as_of' as check_name,
    readout.experiment as row_key
from readout
cross join as_of
where readout.as_of <> as_of.as_of or readout.look_at > as_of.as_of
union all
select
    'readout_counts_no_more_backers_than_were_exposed' as check_name,
    readout.experiment || ' ' || cast(readout.look_number as string) as row_key
from readout
inner join exposed as controls
    on readout.experiment = controls.experiment and readout.control = controls.variant
inner join exposed as treatments
    on readout.experiment = treatments.experiment and readout.treatment = treatments.variant
where
    readout.control_exposed_count > controls.backer_count
    or readout.treatment_exposed_count > treatments.backer_count
    or readout.control_backer_count > readout.control_exposed_count
    or readout.treatment_backer_count > readout.treatment_exposed_count
