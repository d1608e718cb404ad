{#- What is kept back of a payment where the recommendation is hold_back_20. -#}
{% macro hold_back_20(amount) -%}
    {{ share_of('0.2', amount) }}
{%- endmacro %}

{#- The limits of a risk follow from what is lost at it. Paid in full, risk x loss ratio x payment is lost if the milestone
    fails; kept back, (1 - risk) x delay_cost_ratio x payment if it delivers. A review keeps back all and takes a
    person's time as well. Each is the risk from which the next action is expected to lose less. -#}
{% macro hold_back_risk(loss_ratio) -%}
    {{ ratio(var('delay_cost_ratio'), var('delay_cost_ratio') ~ ' + ' ~ loss_ratio) }}
{%- endmacro %}
{#- Above 1, or NULL without a payment: a review costs more than it can save. -#}
{% macro review_risk(loss_ratio, amount, held_back_amount) -%}
    (
        {{ hold_back_risk(loss_ratio) }}
        + {{ ratio(var('review_cost'), amount ~ ' - ' ~ held_back_amount) }}
        / ({{ var('delay_cost_ratio') }} + {{ loss_ratio }})
    )
{%- endmacro %}

{#- Backers know what they were given: what most of them back is late rather than lost. NULL without votes. -#}
{% macro has_majority_for(approval_count, rejection_count) -%}
    case
        when {{ approval_count }} + {{ rejection_count }} > 0
            then {{ approval_count }} > {{ rejection_count }}
    end
{%- endmacro %}

{#- What to do at the approval of a milestone: on the decision sheet, and in its backtest on past ones. Reads the votes,
    backer_count, is_submitted and is_decided of the row. Backers decide too. Fewer votes for than against: a person
    looks, for the vote may still turn; it cannot once more than half of all backers are against. -#}
{% macro recommendation(risk, hold_back_risk='hold_back_risk', review_risk='review_risk') -%}
    case
        when not is_submitted and is_decided then 'overdue'
        when not is_submitted then 'watch'
        when 2 * rejection_count > backer_count then 'do_not_release'
        -- not approved in time, but delivered, and the backers who voted are content
        when is_decided and approval_count > rejection_count then 'review'
        when is_decided then 'do_not_release'
        when {{ risk }} is null then 'decide_by_hand'
        when approval_count < rejection_count then 'review'
        when {{ risk }} >= {{ review_risk }} then 'review'
        when {{ risk }} >= {{ hold_back_risk }} then 'hold_back_20'
        else 'release'
    end
{%- endmacro %}
