-- The week that holds AS_OF decides for whatever launches next in it.
with

posteriors as (
    select posteriors.*
    from {{ ref('stg_bandit_posteriors') }} as posteriors
    inner join {{ ref('int_bandits_in_use') }} as in_use
        on posteriors.bandit_version = in_use.bandit_version
    where posteriors.batch_at <= {{ as_of() }}
),

newest as (
    select max(batch_at) as batch_at from posteriors
),

release_policy as (
    select
        posteriors.release_strategy,
        posteriors.propensity as launch_share_ratio,
        posteriors.best_probability,
        posteriors.alpha / (posteriors.alpha + posteriors.beta) as expected_on_time_ratio,
        posteriors.mean_on_time_share as mean_on_time_ratio,
        posteriors.mean_money_kept_share as mean_money_kept_ratio,
        posteriors.reward_count,
        posteriors.pending_count,
        posteriors.state,
        posteriors.batch_at,
        posteriors.bandit_version,
        {{ as_of() }} as as_of
    from posteriors
    inner join newest on posteriors.batch_at = newest.batch_at
)

select * from release_policy
