-- A late milestone is not lost: which share of the high-risk ones with a like vote was never
-- approved; of all of them for what has no votes.
with

high_risk as (
    select * from {{ ref('int_high_risk_milestones_closed') }}
),

votes as (
    select true as has_majority_for
    union all
    select false as has_majority_for
    union all
    select cast(null as boolean) as has_majority_for
),

loss_ratios as (
    select
        votes.has_majority_for,
        count(high_risk.milestone_id) as high_risk_count,
        {{ loss_ratio(
            'count(high_risk.milestone_id)',
            'count(case when is_lost then 1 end)',
            late_per_lost_by_vote('votes.has_majority_for')
        ) }} as loss_ratio,
        -- what the rule assumes of the votes must not value the rule
        {{ loss_ratio('count(high_risk.milestone_id)', 'count(case when is_lost then 1 end)') }}
            as price_ratio
    from votes
    left join high_risk
        on votes.has_majority_for is null or votes.has_majority_for = high_risk.has_majority_for
    group by votes.has_majority_for
)

select * from loss_ratios
