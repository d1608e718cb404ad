-- What the bandit in use wrote.
with

in_use as (
    select * from {{ ref('int_bandits_in_use') }}
),

history as (
    select * from {{ source('ml', 'policy_values') }}
)

select
    history.run_id,
    history.bandit_version,
    history.as_of,
    history.policy,
    history.metric,
    history.estimator,
    history.status,
    history.reason,
    history.value,
    history.ci_low,
    history.ci_high,
    history.decision_count,
    history.min_propensity,
    history.effective_sample_size,
    history.measured_at
from history
inner join in_use
    on
        history.run_id = in_use.run_id
        and history.bandit_version = in_use.bandit_version
        and history.as_of = in_use.as_of
        and history.measured_at = in_use.measured_at
