{#- The ends of the 95 % interval of a share (Wilson, 1927) of so many
    independent rows; NULL without any. An exponent makes a constant a float, whose quotient
    is one in every dialect. -#}
{% macro wilson_low(share, row_count) -%}
    ({{ wilson_middle(share, row_count) }} - {{ wilson_half_width(share, row_count) }})
{%- endmacro %}

{% macro wilson_high(share, row_count) -%}
    ({{ wilson_middle(share, row_count) }} + {{ wilson_half_width(share, row_count) }})
{%- endmacro %}

{% macro wilson_middle(share, row_count) -%}
    (({{ share }} + 1.920729e0 / nullif({{ row_count }}, 0))
    / (1 + 3.841459e0 / nullif({{ row_count }}, 0)))
{%- endmacro %}

{% macro wilson_half_width(share, row_count) -%}
    (sqrt(
        {{ share }} * (1 - {{ share }}) / nullif({{ row_count }}, 0)
        + 0.960365e0 / nullif(power({{ row_count }}, 2), 0)
    )
    * 1.959964 / (1 + 3.841459e0 / nullif({{ row_count }}, 0)))
{%- endmacro %}
