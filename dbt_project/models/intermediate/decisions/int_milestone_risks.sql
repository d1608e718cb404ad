-- The risk that money is decided by: an outcome that is known; a prediction, if the model's skill
-- is proven; else what became of similar past milestones, if there are enough of them.
with

outlook as (
    select * from {{ ref('milestone_outlook') }}
),

similar_milestones as (
    select * from {{ ref('int_similar_milestones_counted') }}
    where snapshot_kind = 'current'
),

joined as (
    select
        outlook.milestone_id,
        outlook.risk_probability,
        similar_milestones.milestone_group,
        similar_milestones.similar_count,
        similar_milestones.similar_risk,
        case
            when outlook.risk_source = 'known outcome' then 'known outcome'
            when outlook.risk_source = 'prediction' and outlook.skill_state = 'proven'
                then 'prediction'
            when similar_milestones.similar_risk is not null then 'similar past milestones'
            else 'none'
        end as decision_source
    from outlook
    left join similar_milestones on outlook.milestone_id = similar_milestones.milestone_id
),

milestone_risks as (
    select
        milestone_id,
        milestone_group,
        similar_count,
        decision_source,
        case
            when decision_source = 'similar past milestones' then similar_risk
            when decision_source <> 'none' then risk_probability
        end as decision_risk
    from joined
)

select * from milestone_risks
