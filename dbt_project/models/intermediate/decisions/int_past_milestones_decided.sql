-- Past milestones as they stood at their decision time: the votes of then, the risk and the loss
-- ratio that was known strictly before. A model decides if its skill is proven now, and only of
-- campaigns launched after its cut, which it has not learned from.
with

past as (
    select * from {{ ref('int_submitted_milestone_outcomes') }}
    where snapshot_kind <> 'current' and is_high_risk is not null
),

similar_milestones as (
    select * from {{ ref('int_similar_milestones_counted') }}
    where similar_risk is not null
),

losses as (
    select * from {{ ref('int_loss_ratios_counted') }}
),

payments as (
    select * from {{ ref('int_release_schedule') }}
),

projects as (
    select
        project_id,
        backer_count
    from {{ ref('dim_projects') }}
),

predictions as (
    select made.*
    from {{ ref('int_predictions_current') }} as made
    inner join {{ ref('int_models_in_use') }} as models_in_use
        on
            made.model_name = models_in_use.model_name
            and made.model_version = models_in_use.model_version
    where
        made.model_name = 'milestone_risk'
        and made.origin = 'batch'
        and models_in_use.skill_state = 'proven'
),

joined as (
    select
        past.milestone_id,
        past.project_id,
        past.snapshot_kind,
        past.approval_count,
        past.rejection_count,
        projects.backer_count,
        similar_milestones.similar_risk,
        predictions.predicted_probability,
        losses.has_majority_for,
        losses.loss_ratio,
        true as is_submitted,
        false as is_decided,
        past.is_high_risk,
        coalesce(predictions.predicted_probability, similar_milestones.similar_risk)
            as decision_risk,
        {{ to_amount('coalesce(payments.release_cents, 0)') }} as payment_amount
    from past
    inner join projects on past.project_id = projects.project_id
    inner join similar_milestones
        on
            past.milestone_id = similar_milestones.milestone_id
            and past.snapshot_kind = similar_milestones.snapshot_kind
    inner join losses
        on
            past.milestone_id = losses.milestone_id
            and past.snapshot_kind = losses.snapshot_kind
    left join payments on past.milestone_id = payments.milestone_id
    left join predictions
        on
            past.milestone_id = predictions.entity_id
            and past.snapshot_kind = predictions.snapshot_kind
            and past.snapshot_at = predictions.snapshot_at
),

priced as (
    select
        *,
        {{ hold_back_20('payment_amount') }} as held_back_amount
    from joined
),

limited as (
    select
        *,
        {{ hold_back_risk('loss_ratio') }} as hold_back_risk,
        {{ review_risk('loss_ratio', 'payment_amount', 'held_back_amount') }} as review_risk
    from priced
),

past_milestones_decided as (
    select
        milestone_id,
        project_id,
        snapshot_kind,
        has_majority_for,
        is_high_risk,
        payment_amount,
        held_back_amount,
        predicted_probability is not null as is_by_model,
        {{ recommendation(
            'similar_risk', var('fixed_hold_back_risk'), var('fixed_review_risk')
        ) }} as fixed_limits,
        {{ recommendation('similar_risk') }} as rule_on_facts,
        {{ recommendation('decision_risk') }} as recommendations
    from limited
)

select * from past_milestones_decided
