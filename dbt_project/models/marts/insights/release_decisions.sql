-- What to do at the approval of each open milestone. Only what is submitted can be released; no
-- unproven model decides. Expected loss = risk x loss_ratio x payment; the limits follow from it.
with

outlook as (
    select * from {{ ref('milestone_outlook') }}
),

releases as (
    select * from {{ ref('int_release_schedule') }}
),

losses as (
    select * from {{ ref('int_loss_ratio') }}
),

risks as (
    select * from {{ ref('int_milestone_risks') }}
),

projects as (
    select
        project_id,
        release_strategy,
        backer_count
    from {{ ref('dim_projects') }}
),

decisions as (
    select decisions.*
    from {{ ref('stg_bandit_decisions') }} as decisions
    inner join {{ ref('int_bandits_in_use') }} as in_use
        on decisions.bandit_version = in_use.bandit_version
),

joined as (
    select
        outlook.*,
        projects.release_strategy,
        projects.backer_count,
        losses.loss_ratio,
        risks.decision_risk,
        risks.decision_source,
        risks.milestone_group,
        risks.similar_count,
        decisions.chosen_strategy,
        decisions.propensity,
        decisions.bandit_version,
        coalesce(releases.release_cents, 0) as release_cents
    from outlook
    inner join losses
        on
            {{ has_majority_for('outlook.approval_count', 'outlook.rejection_count') }}
            is not distinct from losses.has_majority_for
    inner join risks on outlook.milestone_id = risks.milestone_id
    inner join projects on outlook.project_id = projects.project_id
    left join releases on outlook.milestone_id = releases.milestone_id
    left join decisions on outlook.project_id = decisions.project_id
),

paid as (
    select
        *,
        {{ to_amount('release_cents') }} as release_amount
    from joined
),

priced as (
    select
        *,
        {{ hold_back_20('release_amount') }} as held_back_amount,
        {{ share_of('decision_risk * loss_ratio', 'release_amount') }} as expected_loss_amount
    from paid
),

limited as (
    select
        *,
        {{ hold_back_risk('loss_ratio') }} as hold_back_risk,
        {{ review_risk('loss_ratio', 'release_amount', 'held_back_amount') }} as review_risk
    from priced
),

recommended as (
    select
        *,
        {{ share_of('decision_risk * loss_ratio', 'release_amount - held_back_amount') }}
            as expected_loss_amount_held_back,
        greatest(-days_left, 0) as days_overdue,
        {{ recommendation('decision_risk') }} as recommendation
    from limited
),

worded as (
    select
        *,
        case
            when not is_submitted then 'Not submitted'
            when vote_count = 0 then 'Submitted, no votes yet'
            else
                'Submitted, ' || cast(approval_count as string) || ' of '
                || cast(vote_count as string) || ' votes for'
        end as submission_words,
        case when days_left >= 0 then 'due in ' when is_submitted then 'due ' else '' end
        || cast({{ as_decimal('abs(days_left)', 1) }} as string)
        || case
            when days_left >= 0 then ' days'
            when is_submitted then ' days ago'
            else ' days overdue'
        end as due_words,
        case
            when is_decided then 'certain to be high risk'
            when decision_risk is null and milestone_group is not null
                then
                    'only ' || cast(similar_count as string) || ' past milestones '
                    || milestone_group
            when decision_risk is null then 'risk not known'
            when decision_source = 'similar past milestones'
                then
                    'like ' || cast(similar_count as string) || ' past milestones '
                    || milestone_group || ', '
                    || cast({{ as_decimal('100 * decision_risk', 1) }} as string)
                    || ' % high risk'
            else
                cast({{ as_decimal('100 * decision_risk', 1) }} as string)
                || ' % risk'
        end as risk_words,
        case
            when recommendation = 'overdue'
                then 'nothing to pay, {{ var("grace_days") }} days of grace are over'
            when recommendation = 'watch' then 'nothing to pay yet'
            when 2 * rejection_count > backer_count
                then
                    'do not release, more than half of all ' || cast(backer_count as string)
                    || ' backers voted against'
            when is_decided and recommendation = 'review'
                then
                    'review, not approved within {{ var("grace_days") }} days of the due date, but'
                    || ' most votes are for'
            when is_decided
                then
                    'do not release, not approved within {{ var("grace_days") }} days of the due'
                    || ' date'
            when recommendation = 'decide_by_hand' then 'decide by hand'
            when approval_count < rejection_count then 'review, most votes are against'
            when recommendation = 'review' then 'review before paying'
            when recommendation = 'hold_back_20' then 'hold back 20 %'
            else 'release on approval'
        end as recommendation_words
    from recommended
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
        days_overdue,
        is_submitted,
        submitted_at,
        vote_count,
        approval_count,
        rejection_count,
        approval_ratio,
        turnout_ratio,
        held_amount,
        release_amount,
        held_back_amount,
        is_decided,
        decision_risk as risk_probability,
        decision_source as risk_source,
        skill_state,
        similar_count,
        loss_ratio,
        hold_back_risk,
        review_risk,
        expected_loss_amount,
        expected_loss_amount_held_back,
        release_strategy,
        chosen_strategy as bandit_strategy,
        propensity as bandit_propensity,
        recommendation,
        reasons,
        model_version,
        bandit_version,
        as_of,
        submission_words || ', ' || due_words || ', ' || risk_words || ': '
        || recommendation_words || '.' as recommendation_reason
    from worded
)

select * from release_decisions
