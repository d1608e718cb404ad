{#- Refuses vars that no rule or decision can be derived from, before anything is built. -#}
{% macro check_vars() -%}
    {%- for name, kind, least, most in (
        ('grace_days', 'whole number', 0, none),
        ('expiry_days', 'whole number', 0, none),
        ('min_similar_milestones', 'whole number', 1, none),
        ('delay_cost_ratio', 'number', 0, 1),
        ('review_cost', 'number', 0, none),
        ('late_per_lost', 'number', 1, none),
        ('late_per_lost_voted_for', 'number', 1, none),
        ('fixed_hold_back_risk', 'number', 0, 1),
        ('fixed_review_risk', 'number', 0, 1)
    ) -%}
        {%- set value = var(name) -%}
        {%- set is_of_kind = value is integer or (value is float and kind == 'number') -%}
        {%- if execute and not (is_of_kind and least <= value <= (most or 1e15)) -%}
            {%- set allowed = 'a ' ~ kind ~ (' from 0 to 1' if most else ' of ' ~ least ~ ' or more') -%}
            {%- set found = "the text '" ~ value ~ "'" if value is string else value -%}
            {%- set problem = 'dbt_project.yml: vars.' ~ name ~ ' must be ' ~ allowed ~ ', not ' ~ found -%}
            {{ exceptions.raise_compiler_error(problem) }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
