-- Expected loss = risk x loss_ratio x payment. The risk is certain once a milestone is more than 14
-- days overdue, whatever a model says.
with

outlook as (
    select * from {{ ref('milestone_outlook') }}
),

releases as (
    select * from {{ ref('int_releases_foreseen') }}
),

risks as (
    select * from {{ ref('int_risks_realised') }}
),

projects as (
    select
        project_id,
        release_strategy
    from {{ ref('dim_projects') }}
),

decisions as (
    select decisions.*
    from {{ ref('stg_bandit_decisions') }} as decisions
    inner join {{ ref('int_bandits_in_use') }} as in_use
        on decisions.bandit_version = in_use.bandit_version
),

judged as (
    select
        outlook.*,
        projects.release_strategy,
        risks.loss_ratio,
        decisions.chosen_strategy,
        decisions.propensity,
        decisions.bandit_version,
        coalesce(releases.release_cents, 0) as release_cents,
        case
            when outlook.is_decided then cast(1 as double)
            else outlook.risk_probability
        end as risk
    from outlook
    cross join risks
    inner join projects on outlook.project_id = projects.project_id
    left join releases on outlook.milestone_id = releases.milestone_id
    left join decisions on outlook.project_id = decisions.project_id
),

paid as (
    select
        *,
        {{ to_amount('release_cents') }} as release_amount,
        {{ to_amount('round(release_cents * 0.2)') }} as held_back_amount
    from judged
),

priced as (
    select
        *,
        {{ expected_loss('risk * loss_ratio', 'release_amount') }} as expected_loss_amount,
        {{ expected_loss('risk * loss_ratio', 'release_amount - held_back_amount') }}
            as expected_loss_amount_held_back,
        cast(cast(round(100 * risk) as bigint) as varchar) || ' %' as risk_words
    from paid
),

release_decisions as (
    select
        milestone_id,
        project_id,
        project_title,
        milestone_title,
        milestone_number,
        milestone_count,
        milestone_status,
        due_at,
        days_left,
        held_amount,
        release_amount,
        held_back_amount,
        is_decided,
        risk as risk_probability,
        loss_ratio,
        expected_loss_amount,
        expected_loss_amount_held_back,
        release_strategy,
        chosen_strategy as bandit_strategy,
        propensity as bandit_propensity,
        case
            when is_decided then 'do_not_release'
            when risk is null then 'decide_by_hand'
            when risk >= {{ var('review_risk') }} then 'review'
            when risk >= {{ var('hold_back_risk') }} then 'hold_back_20'
            else 'release'
        end as recommendation,
        case
            when is_decided then 'more than 14 days overdue'
            when risk is null then 'no model, so the risk is not known'
            when risk >= {{ var('review_risk') }}
                then 'a risk of ' || risk_words || ' is too high to pay unseen'
            when risk >= {{ var('hold_back_risk') }}
                then 'a risk of ' || risk_words || ' asks for security'
            else 'a risk of ' || risk_words || ' is low'
        end as recommendation_reason,
        reasons,
        model_version,
        bandit_version,
        as_of
    from priced
)

select * from release_decisions
