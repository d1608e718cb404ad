-- The decision sheet says what the outlook says, and recommends no more than the facts allow.
with

outlook as (
    select * from {{ ref('milestone_outlook') }}
),

projects as (
    select * from {{ ref('dim_projects') }}
),

releases as (
    select * from {{ ref('int_release_schedule') }}
),

risks as (
    select
        has_majority_for,
        loss_ratio as measured_loss_ratio
    from {{ ref('int_loss_ratio') }}
),

chosen as (
    select
        decisions.project_id,
        decisions.chosen_strategy,
        decisions.propensity
    from {{ ref('stg_bandit_decisions') }} as decisions
    inner join {{ ref('int_bandits_in_use') }} as in_use
        on decisions.bandit_version = in_use.bandit_version
),

past as (
    select
        compared_at,
        milestone_group,
        case when is_high_risk then 1 else 0 end as high_risk
    from {{ ref('int_submitted_milestone_outcomes') }}
    where snapshot_kind <> 'current' and closed_at < {{ as_of() }}
),

overall as (
    select
        compared_at,
        (sum(high_risk) + 1) / cast(count(*) + 2 as double) as overall_ratio
    from past
    group by compared_at
),

alike as (
    select
        past.milestone_group,
        count(*) as alike_count,
        (sum(past.high_risk) + 2 * max(overall.overall_ratio)) / cast(count(*) + 2 as double)
            as alike_share
    from past
    inner join overall on past.compared_at = overall.compared_at
    group by past.milestone_group
),

alike_now as (
    select
        current_ones.milestone_id,
        alike.alike_count,
        alike.alike_share
    from {{ ref('int_submitted_milestone_outcomes') }} as current_ones
    inner join alike on current_ones.milestone_group = alike.milestone_group
    where current_ones.snapshot_kind = 'current'
),

pairs as (
    select
        decisions.*,
        alike_now.alike_count,
        alike_now.alike_share,
        outlook.skill_state as outlook_skill_state,
        outlook.milestone_id as outlook_id,
        outlook.project_id as outlook_project_id,
        outlook.risk_probability as outlook_risk_probability,
        outlook.risk_source as outlook_risk_source,
        outlook.is_decided as outlook_is_decided,
        outlook.held_amount as outlook_held_amount,
        outlook.reasons as outlook_reasons,
        outlook.model_version as outlook_model_version,
        outlook.as_of as outlook_as_of,
        outlook.days_left as outlook_days_left,
        outlook.is_submitted as outlook_is_submitted,
        outlook.submitted_at as outlook_submitted_at,
        outlook.vote_count as outlook_vote_count,
        outlook.approval_count as outlook_approval_count,
        outlook.rejection_count as outlook_rejection_count,
        outlook.approval_ratio as outlook_approval_ratio,
        outlook.turnout_ratio as outlook_turnout_ratio,
        outlook.milestone_status as outlook_status,
        projects.release_strategy as project_release_strategy,
        projects.backer_count,
        chosen.chosen_strategy,
        chosen.propensity,
        risks.measured_loss_ratio,
        coalesce(releases.release_cents, 0) as release_cents
    from outlook
    full join {{ ref('release_decisions') }} as decisions
        on outlook.milestone_id = decisions.milestone_id
    left join projects on outlook.project_id = projects.project_id
    left join releases on outlook.milestone_id = releases.milestone_id
    left join chosen on outlook.project_id = chosen.project_id
    left join alike_now on outlook.milestone_id = alike_now.milestone_id
    left join risks
        on
            risks.has_majority_for is not distinct from
            case
                when outlook.vote_count > 0 then outlook.approval_count > outlook.rejection_count
            end
)

select
    'sheet_has_each_row_of_the_outlook' as check_name,
    cast(coalesce(outlook_id, milestone_id) as string) as row_key
from pairs
where outlook_id is null or milestone_id is null or project_id <> outlook_project_id
union all
select
    'sheet_risk_is_the_outlooks_to_the_bit' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    is_decided is distinct from outlook_is_decided
    or (
        risk_source in ('known outcome', 'prediction')
        and (
            risk_probability is distinct from outlook_risk_probability
            or risk_source is distinct from outlook_risk_source
        )
    )
union all
select
    'known_outcome_is_one_on_the_sheet' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where (risk_source = 'known outcome') <> (outlook_risk_source = 'known outcome')
union all
select
    'prediction_decides_exactly_with_proven_skill' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    (risk_source = 'prediction')
    <> (outlook_risk_source = 'prediction' and coalesce(skill_state = 'proven', false))
union all
select
    'risk_by_facts_is_the_share_of_similar_milestones' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    risk_source = 'similar past milestones'
    and (
        risk_probability is distinct from alike_share
        or similar_count is distinct from alike_count
        or alike_count < {{ var('min_similar_milestones') }}
    )
union all
select
    'no_risk_exactly_without_a_source_on_the_sheet' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    (risk_probability is null) <> (risk_source = 'none')
    or (
        risk_source = 'none'
        and is_submitted
        and alike_count >= {{ var('min_similar_milestones') }}
    )
union all
select
    'all_policies_are_valued_on_the_same_milestones' as check_name,
    snapshot_kind as row_key
from {{ ref('decision_values') }}
group by snapshot_kind
having
    count(*) <> 5
    or min(milestone_count) <> max(milestone_count)
    or min(payment_amount) <> max(payment_amount)
union all
select
    'oracle_loses_least_and_no_policy_more_than_it_pays' as check_name,
    snapshot_kind as row_key
from {{ ref('decision_values') }}
group by snapshot_kind
having
    min(lost_amount) <> max(case when decision_policy = 'oracle' then lost_amount end)
    or max(lost_amount) > max(payment_amount + {{ var('review_cost') }} * milestone_count)
union all
select
    'sheet_reasons_and_version_are_the_outlooks' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    reasons is distinct from outlook_reasons
    or model_version is distinct from outlook_model_version
    or skill_state is distinct from outlook_skill_state
    or as_of is distinct from outlook_as_of
union all
select
    'sheet_votes_are_the_outlooks' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    vote_count is distinct from outlook_vote_count
    or approval_count is distinct from outlook_approval_count
    or rejection_count is distinct from outlook_rejection_count
    or approval_ratio is distinct from outlook_approval_ratio
    or turnout_ratio is distinct from outlook_turnout_ratio
union all
select
    'sheet_submission_is_the_outlooks' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    is_submitted is distinct from outlook_is_submitted
    or submitted_at is distinct from outlook_submitted_at
    or milestone_status is distinct from outlook_status
union all
select
    'days_overdue_are_days_left_below_zero' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    days_left is distinct from outlook_days_left
    or days_overdue <> greatest(-outlook_days_left, 0)
union all
select
    'sheet_holds_the_outlooks_money' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where held_amount is distinct from outlook_held_amount or release_amount > held_amount
union all
select
    'payment_is_what_the_ledger_would_release' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where {{ to_cents('release_amount') }} <> release_cents
union all
select
    'held_back_amount_is_a_fifth_of_the_payment' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where abs(5 * {{ to_cents('held_back_amount') }} - release_cents) > 2
union all
select
    'expected_loss_exactly_with_a_risk' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    (expected_loss_amount is null) <> (risk_probability is null)
    or (expected_loss_amount_held_back is null) <> (risk_probability is null)
union all
select
    'expected_loss_is_at_most_the_payment' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    expected_loss_amount > release_amount
    or expected_loss_amount_held_back > expected_loss_amount
    or expected_loss_amount_held_back < 0
union all
select
    'loss_ratio_is_the_one_measured' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where loss_ratio is distinct from measured_loss_ratio or loss_ratio < 0 or loss_ratio > 1
union all
select
    'only_what_is_submitted_is_released' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where (recommendation in ('watch', 'overdue')) <> (outlook_status = 'open')
union all
select
    'overdue_exactly_when_the_grace_is_over' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where not is_submitted and (recommendation = 'overdue') <> is_decided
union all
select
    'nothing_is_paid_against_the_votes_or_a_known_outcome' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    recommendation in ('release', 'hold_back_20')
    and (approval_ratio < 0.5 or risk_source in ('known outcome', 'none'))
union all
select
    'review_or_hold_back_follows_the_risk' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    -- of paying, holding back a fifth and a review the one that is expected to lose least
    (
        recommendation = 'release'
        and risk_probability * loss_ratio
        > (1 - risk_probability) * {{ var('delay_cost_ratio') }} + 1e-9
    )
    or (
        recommendation = 'hold_back_20'
        and risk_probability * loss_ratio
        < (1 - risk_probability) * {{ var('delay_cost_ratio') }} - 1e-9
    )
    or (
        recommendation = 'hold_back_20'
        and (
            risk_probability * loss_ratio
            - (1 - risk_probability) * {{ var('delay_cost_ratio') }}
        ) * cast(release_amount - held_back_amount as double) > {{ var('review_cost') }} + 1e-6
    )
union all
select
    'majority_of_all_backers_against_is_final' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where is_submitted and 2 * rejection_count > backer_count and recommendation <> 'do_not_release'
union all
select
    'sheet_strategies_are_the_projects_and_the_bandits' as check_name,
    cast(milestone_id as string) as row_key
from pairs
where
    release_strategy is distinct from project_release_strategy
    or bandit_strategy is distinct from chosen_strategy
    or bandit_propensity is distinct from propensity
