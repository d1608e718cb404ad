{#- What to do at the approval of a milestone: on the decision sheet, and in its backtest on past ones. Reads the votes,
    backer_count, is_submitted and is_decided of the row. Backers decide too. Fewer votes for than against: a person
    looks, for the vote may still turn; it cannot once more than half of all backers are against. -#}
{% macro recommendation(risk) -%}
    case
        when not is_submitted and is_decided then 'overdue'
        when not is_submitted then 'watch'
        when 2 * rejection_count > backer_count then 'do_not_release'
        -- not approved in time, but delivered, and the backers who voted are content
        when is_decided and approval_count > rejection_count then 'review'
        when is_decided then 'do_not_release'
        when {{ risk }} is null then 'decide_by_hand'
        when approval_count < rejection_count then 'review'
        when {{ risk }} >= {{ var('review_risk') }} then 'review'
        when {{ risk }} >= {{ var('hold_back_risk') }} then 'hold_back_20'
        else 'release'
    end
{%- endmacro %}
