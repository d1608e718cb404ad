-- What the bandit in use wrote.
with

in_use as (
    select * from {{ ref('int_bandits_in_use') }}
),

history as (
    select * from {{ source('ml', 'bandit_posteriors') }}
)

select
    history.run_id,
    history.bandit_version,
    history.as_of,
    history.batch_at,
    history.release_strategy,
    history.decision_number,
    history.prior_alpha,
    history.prior_beta,
    history.alpha,
    history.beta,
    history.reward_count,
    history.pending_count,
    history.mean_on_time_share,
    history.mean_money_kept_share,
    history.best_probability,
    history.propensity,
    history.epsilon,
    history.state,
    history.measured_at
from history
inner join in_use
    on
        history.run_id = in_use.run_id
        and history.bandit_version = in_use.bandit_version
        and history.as_of = in_use.as_of
        and history.measured_at = in_use.measured_at
