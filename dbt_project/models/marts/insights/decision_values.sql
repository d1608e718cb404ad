-- Money lost by policy on past milestones. Intervals: linearised sums over projects, in which the
-- price of what fails varies too, on the logarithm, since money is skewed; Student's quantile for
-- the number of projects that carry the variance (participation ratio). Ends are rounded:
-- threads add in any order.
with

decisions as (
    select * from {{ ref('int_past_decisions_priced') }}
),

high_risk as (
    select * from {{ ref('int_high_risk_milestones_closed') }}
),

losses as (
    select * from {{ ref('int_loss_ratio') }}
),

totals as (
    select
        snapshot_kind,
        decision_policy,
        count(*) as milestone_count,
        count(distinct project_id) as project_count,
        count(case when is_by_model then 1 end) as model_count,
        count(case when recommendation = 'release' then 1 end) as released_count,
        count(case when recommendation = 'release' and is_high_risk then 1 end)
            as released_high_risk_count,
        sum(payment_amount) as payment_amount,
        sum(lost_amount) as lost_amount,
        {{ ratio('sum(lost_amount)', 'count(*)') }} as lost_mean
    from decisions
    group by snapshot_kind, decision_policy
),

-- a project's part in each price ratio
ratio_parts as (
    select
        losses.has_majority_for,
        high_risk.project_id,
        (count(case when high_risk.is_lost then 1 end) - max(losses.price_ratio) * count(*))
        / ({{ var('late_per_lost') }} + max(losses.high_risk_count)) as part
    from losses
    inner join high_risk
        on losses.has_majority_for is null or losses.has_majority_for = high_risk.has_majority_for
    group by losses.has_majority_for, high_risk.project_id
),

-- what depends on each price ratio
failed as (
    select
        snapshot_kind,
        decision_policy,
        has_majority_for,
        cast(sum(failed_amount) as double) as failed_amount
    from decisions
    group by snapshot_kind, decision_policy, has_majority_for
),

parts as (
    select
        decisions.snapshot_kind,
        decisions.decision_policy,
        decisions.project_id,
        (cast(sum(decisions.lost_amount) as double) - count(*) * max(totals.lost_mean))
        / nullif(max(totals.milestone_count), 0) as part
    from decisions
    inner join totals
        on
            decisions.snapshot_kind = totals.snapshot_kind
            and decisions.decision_policy = totals.decision_policy
    group by decisions.snapshot_kind, decisions.decision_policy, decisions.project_id
    union all
    select
        totals.snapshot_kind,
        totals.decision_policy,
        ratio_parts.project_id,
        failed.failed_amount / nullif(totals.milestone_count, 0) * ratio_parts.part as part
    from failed
    inner join totals
        on
            failed.snapshot_kind = totals.snapshot_kind
            and failed.decision_policy = totals.decision_policy
    inner join ratio_parts
        on failed.has_majority_for is not distinct from ratio_parts.has_majority_for
),

by_project as (
    select
        snapshot_kind,
        decision_policy,
        project_id,
        sum(part) as part
    from parts
    group by snapshot_kind, decision_policy, project_id
),

compared as (
    select
        by_project.snapshot_kind,
        by_project.decision_policy,
        by_project.part / nullif(totals.lost_mean, 0) as part,
        -- rounded, so that a policy that decides as the base does has no spread at all, in whatever
        -- order the parts of each were summed
        {{ rounded(
            'by_project.part / nullif(totals.lost_mean, 0)'
            ~ ' - base.part / nullif(base_totals.lost_mean, 0)', 15
        ) }} as ratio_part
    from by_project
    inner join totals
        on
            by_project.snapshot_kind = totals.snapshot_kind
            and by_project.decision_policy = totals.decision_policy
    inner join by_project as base
        on
            by_project.snapshot_kind = base.snapshot_kind
            and by_project.project_id = base.project_id
            and base.decision_policy = 'always_release'
    inner join totals as base_totals
        on
            by_project.snapshot_kind = base_totals.snapshot_kind
            and base_totals.decision_policy = 'always_release'
),

spread as (
    select
        snapshot_kind,
        decision_policy,
        sum(power(part, 2)) as variance,
        power(sum(power(part, 2)), 2) / nullif(sum(power(part, 4)), 0) - 1 as degrees,
        sum(power(ratio_part, 2)) as ratio_variance,
        power(sum(power(ratio_part, 2)), 2) / nullif(sum(power(ratio_part, 4)), 0) - 1
            as ratio_degrees
    from compared
    group by snapshot_kind, decision_policy
),

widths as (
    select
        spread.snapshot_kind,
        spread.decision_policy,
        {{ student_quantile('spread.degrees') }}
        * sqrt(spread.variance * {{ ratio('totals.project_count', 'totals.project_count - 1') }})
            as width,
        {{ student_quantile('spread.ratio_degrees') }} * sqrt(
            spread.ratio_variance
            * {{ ratio('totals.project_count', 'totals.project_count - 1') }}
        ) as ratio_width
    from spread
    inner join totals
        on
            spread.snapshot_kind = totals.snapshot_kind
            and spread.decision_policy = totals.decision_policy
),

decision_values as (
    select
        totals.snapshot_kind,
        totals.decision_policy,
        totals.milestone_count,
        totals.project_count,
        totals.model_count,
        totals.released_count,
        {{ ratio('totals.released_high_risk_count', 'totals.released_count') }}
            as released_high_risk_ratio,
        cast(totals.payment_amount as decimal(28, 2)) as payment_amount,
        cast(totals.lost_amount as decimal(28, 2)) as lost_amount,
        {{ per_thousand('totals.lost_amount', 'totals.milestone_count') }}
            as lost_amount_per_1000,
        {{ as_decimal('1000 * totals.lost_mean * exp(-widths.width)', 2, precision=28) }}
            as lost_amount_per_1000_low,
        {{ as_decimal('1000 * totals.lost_mean * exp(widths.width)', 2, precision=28) }}
            as lost_amount_per_1000_high,
        {{ ratio('totals.lost_amount', 'base_totals.lost_amount') }} as always_release_ratio,
        {{ rounded(
            ratio('totals.lost_amount', 'base_totals.lost_amount')
            ~ ' * exp(-widths.ratio_width)', 9
        ) }} as always_release_ratio_low,
        {{ rounded(
            ratio('totals.lost_amount', 'base_totals.lost_amount')
            ~ ' * exp(widths.ratio_width)', 9
        ) }} as always_release_ratio_high,
        {{ as_of() }} as as_of
    from totals
    inner join totals as base_totals
        on
            totals.snapshot_kind = base_totals.snapshot_kind
            and base_totals.decision_policy = 'always_release'
    left join widths
        on
            totals.snapshot_kind = widths.snapshot_kind
            and totals.decision_policy = widths.decision_policy
)

select * from decision_values
