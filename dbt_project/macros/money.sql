{#- Money is decimal(18,2) where people see it and whole cents where it is divided. -#}
{% macro to_cents(amount) -%}
    {{ adapter.dispatch('to_cents', 'escrow')(amount) }}
{%- endmacro %}
{#- A product of 18 digits is an integer to DuckDB, ten times as fast as a wider one: up to 10^13 times 100 fits. -#}
{% macro default__to_cents(amount) -%}
    case
        when ({{ amount }}) between 0 and 9999999999999.99
            then cast(cast(({{ amount }}) as decimal(18, 2)) * 100 as bigint)
        else cast(cast(({{ amount }}) as decimal(28, 2)) * 100 as bigint)
    end
{%- endmacro %}
{% macro spark__to_cents(amount) -%}
    cast(cast(({{ amount }}) as decimal(28, 2)) * 100 as bigint)
{%- endmacro %}
{#- Multiplied, since a division of decimals is a float in DuckDB. -#}
{% macro to_amount(cents) -%}
    cast(cast(({{ cents }}) as decimal(18, 0)) * cast(0.01 as decimal(3, 2)) as decimal(18, 2))
{%- endmacro %}

{#- What has been released in all of a backer's b cents when M of the goal's G cents are approved:
    floor((2bM + G) / (2G)), round half up in integers. Cents times cents may overflow 64 bits: they are widened unless
    all three are below m = 2^31 (21 million in money), where 2bM + G <= 2(m - 1)^2 + m - 1 = 2^63 - 2^32 - 2^31 + 1. -#}
{% macro released_cents(backer_cents, approved_cents, goal_cents) -%}
    {{ adapter.dispatch('released_cents', 'escrow')(backer_cents, approved_cents, goal_cents) }}
{%- endmacro %}
{% macro default__released_cents(backer_cents, approved_cents, goal_cents) -%}
    case
        when
            ({{ backer_cents }}) between 0 and 2147483647
            and ({{ approved_cents }}) between 0 and 2147483647
            and ({{ goal_cents }}) between 0 and 2147483647
            then
                (2 * ({{ backer_cents }}) * ({{ approved_cents }}) + ({{ goal_cents }}))
                // (2 * ({{ goal_cents }}))
        else cast(
            (2 * cast(({{ backer_cents }}) as hugeint) * ({{ approved_cents }}) + ({{ goal_cents }}))
            // (2 * cast(({{ goal_cents }}) as hugeint)) as bigint
        )
    end
{%- endmacro %}
{% macro spark__released_cents(backer_cents, approved_cents, goal_cents) -%}
    cast(
        (
            2 * cast(({{ backer_cents }}) as decimal(18, 0)) * cast(({{ approved_cents }}) as decimal(18, 0))
            + ({{ goal_cents }})
        ) div (2 * cast(({{ goal_cents }}) as decimal(18, 0))) as bigint
    )
{%- endmacro %}

{#- A true quotient, NULL where there is nothing to divide by. -#}
{% macro ratio(numerator, denominator) -%}
    (cast(({{ numerator }}) as double) / nullif(cast(({{ denominator }}) as double), 0))
{%- endmacro %}

{#- A float, rounded half up at a digit. Not `round(x, digits)`, nor a cast to a decimal alone: for Spark a float is the
    shortest decimal that reads as it, for DuckDB its exact value. -#}
{% macro rounded(value, digits) -%}
    (round(({{ value }}) * 1e{{ digits }}) / 1e{{ digits }})
{%- endmacro %}
{#- The same as a decimal, which can be summed in any order. -#}
{% macro as_decimal(value, digits, precision=18) -%}
    cast({{ rounded(value, digits) }} as decimal({{ precision }}, {{ digits }}))
{%- endmacro %}

{#- A share (0 to 1) of an amount, to the cent. The share becomes a decimal first: money never meets a
    float. 19 digits of share and 18 of amount make 37; two factors of 18 or fewer digits would have to
    fit 18 in DuckDB, and a share of a million overflowed. -#}
{% macro share_of(share, amount) -%}
    cast(
        round(
            {{ as_decimal(share, 15, precision=19) }}
            * cast(({{ amount }}) as decimal(18, 2)),
            2
        ) as decimal(18, 2)
    )
{%- endmacro %}

{#- An amount for each 1,000 of so many, round half up in integers. -#}
{% macro per_thousand(amount, count) -%}
    {{ adapter.dispatch('per_thousand', 'escrow')(amount, count) }}
{%- endmacro %}
{% macro default__per_thousand(amount, count) -%}
    cast(
        cast(
            (2000 * cast(({{ amount }}) * 100 as hugeint) + ({{ count }})) // (2 * ({{ count }}))
            as decimal(28, 0)
        ) * cast(0.01 as decimal(3, 2)) as decimal(28, 2)
    )
{%- endmacro %}
{% macro spark__per_thousand(amount, count) -%}
    cast(
        cast(
            (2000 * cast(({{ amount }}) * 100 as decimal(30, 0)) + ({{ count }})) div (2 * ({{ count }}))
            as decimal(28, 0)
        ) * cast(0.01 as decimal(3, 2)) as decimal(28, 2)
    )
{%- endmacro %}

{#- Which share of high-risk milestones was lost. Milestones are counted, not their money, of which one may hold most; as many
    more as one is lost of elsewhere, that one among them: none of a few is not never. -#}
{% macro loss_ratio(high_risk_count, lost_count, late_per_lost=var('late_per_lost')) -%}
    ((1 + {{ lost_count }}) / cast({{ late_per_lost }} + {{ high_risk_count }} as double))
{%- endmacro %}
{% macro late_per_lost_by_vote(has_majority_for) -%}
    case when {{ has_majority_for }} then {{ var('late_per_lost_voted_for') }} else {{ var('late_per_lost') }} end
{%- endmacro %}

{#- Student's 97.5 % quantile: below three degrees of freedom that of two, then the expansion of Fisher and Cornish, to 1 %.
    With fewer than two nothing is said. -#}
{% macro student_quantile(degrees) -%}
    case
        when {{ degrees }} < 2 then null
        when {{ degrees }} < 3 then 4.303
        else
            1.95996 + 2.37227e0 / {{ degrees }} + 2.82250e0 / power({{ degrees }}, 2)
            + 2.55585e0 / power({{ degrees }}, 3)
    end
{%- endmacro %}
