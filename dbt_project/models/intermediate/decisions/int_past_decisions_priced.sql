{% set rules = ['fixed_limits', 'rule_on_facts', 'recommendations'] %}
-- What each policy would have lost: of what fails the payment x price ratio; of what delivers the
-- cost of the delay of what was kept back; a review in any case a person's time.
with

decided as (
    select * from {{ ref('int_past_milestones_decided') }}
),

losses as (
    select * from {{ ref('int_loss_ratio') }}
),

chosen as (
    {% for policy in ['always_release'] + rules + ['oracle'] %}
        select
            decided.milestone_id,
            decided.project_id,
            decided.snapshot_kind,
            decided.has_majority_for,
            decided.is_high_risk,
            decided.payment_amount,
            decided.held_back_amount,
            losses.price_ratio,
            decided.is_by_model,
            '{{ policy }}' as decision_policy,
            {% if policy == 'always_release' %}
                'release'
            {% elif policy == 'oracle' %}
                case
                    when not decided.is_high_risk then 'release'
                    -- no person is needed where the votes have decided
                    when decided.recommendations = 'do_not_release' then 'do_not_release'
                    when
                        {{ var('review_cost') }} < {{ share_of(
                            'losses.price_ratio', 'decided.payment_amount - decided.held_back_amount'
                        ) }}
                        then 'review'
                    else 'hold_back_20'
                end
            {% else %}
                decided.{{ policy }}
            {% endif %} as recommendation
        from decided
        inner join losses
            on decided.has_majority_for is not distinct from losses.has_majority_for
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

paid as (
    select
        *,
        case recommendation
            when 'release' then payment_amount
            when 'hold_back_20' then payment_amount - held_back_amount
            else cast(0 as decimal(18, 2))
        end as paid_amount,
        case
            when recommendation = 'review' then cast({{ var('review_cost') }} as decimal(18, 2))
            else cast(0 as decimal(18, 2))
        end as review_amount
    from chosen
),

split as (
    select
        *,
        case
            when is_high_risk then paid_amount
            else cast(0 as decimal(18, 2))
        end as failed_amount,
        case
            when is_high_risk then cast(0 as decimal(18, 2))
            else payment_amount - paid_amount
        end as delayed_amount
    from paid
),

past_decisions_priced as (
    select
        milestone_id,
        project_id,
        snapshot_kind,
        decision_policy,
        recommendation,
        has_majority_for,
        is_high_risk,
        is_by_model and decision_policy = 'recommendations' as is_by_model,
        payment_amount,
        price_ratio,
        failed_amount,
        {{ share_of('price_ratio', 'failed_amount') }}
        + {{ share_of(var('delay_cost_ratio'), 'delayed_amount') }}
        + review_amount as lost_amount
    from split
)

select * from past_decisions_priced
