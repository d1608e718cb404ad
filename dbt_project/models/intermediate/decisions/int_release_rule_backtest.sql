-- The decision sheet's rule on facts, applied to past milestones at their time: each with the votes
-- of then and with outcomes of others known strictly before, beside releasing all of them.
with

past as (
    select * from {{ ref('int_submitted_milestone_outcomes') }}
    where snapshot_kind <> 'current' and is_high_risk is not null
),

similar_milestones as (
    select * from {{ ref('int_similar_milestones_counted') }}
),

projects as (
    select
        project_id,
        backer_count
    from {{ ref('dim_projects') }}
),

joined as (
    select
        past.snapshot_kind,
        past.approval_count,
        past.rejection_count,
        projects.backer_count,
        similar_milestones.similar_risk,
        true as is_submitted,
        false as is_decided,
        case when past.is_high_risk then 1 else 0 end as high_risk
    from past
    inner join projects on past.project_id = projects.project_id
    inner join similar_milestones
        on
            past.milestone_id = similar_milestones.milestone_id
            and past.snapshot_kind = similar_milestones.snapshot_kind
),

decided as (
    select
        snapshot_kind,
        high_risk,
        {{ recommendation('similar_risk') }} as recommendation
    from joined
),

release_rule_backtest as (
    select
        snapshot_kind,
        count(*) as milestone_count,
        {{ ratio('sum(high_risk)', 'count(*)') }} as high_risk_ratio,
        cast(sum(case when recommendation = 'release' then 1 else 0 end) as bigint)
            as released_count,
        {{ ratio(
            "sum(case when recommendation = 'release' then high_risk else 0 end)",
            "sum(case when recommendation = 'release' then 1 else 0 end)"
        ) }} as released_high_risk_ratio
    from decided
    where recommendation <> 'decide_by_hand'
    group by snapshot_kind
)

select * from release_rule_backtest
