{#- What stands for values where they are compared: 32 bits, which sort in half the time of longer ones. An id that fits is
    its own key; of others it is half a hash, which 20 million of them share by chance 50 thousand times. -#}
{% macro short_key(columns) -%}
    {%- set half_hash = 'cast(hash(' ~ columns | join(', ') ~ ') >> 32 as uinteger)' -%}
    {%- if columns | length == 1 -%}
        case
            when typeof({{ columns[0] }}) = 'VARCHAR' then {{ half_hash }}
            else coalesce(try_cast({{ columns[0] }} as uinteger), {{ half_hash }})
        end
    {%- else -%}
        {{ half_hash }}
    {%- endif -%}
{%- endmacro %}

{#- The rows that share their key with another one, in DuckDB. Equal values have equal keys. -#}
{% macro rows_that_may_repeat(model, columns, where='true') -%}
    select *
    from {{ model }}
    where
        {{ short_key(columns) }} in (
            select short_key
            from (
                select
                    short_key,
                    lag(short_key) over (order by short_key) as previous
                from (select {{ short_key(columns) }} as short_key from {{ model }} where {{ where }})
            )
            where short_key = previous
        )
{%- endmacro %}

{#- dbt's test `unique` for DuckDB. Where each value is greater than the one before, as the ids of landed tables are,
    none is repeated, and nothing is sorted. -#}
{% macro duckdb__test_unique(model, column_name) %}
with

disordered as (
    select 1
    from (
        select
            {{ column_name }} as unique_field,
            lag({{ column_name }}) over () as previous,
            lag(true) over () as has_previous
        from {{ model }}
    )
    where has_previous and (unique_field > previous) is not true
    limit 1
),

may_repeat as (
    {{ rows_that_may_repeat(
        model, [column_name], where=column_name ~ ' is not null and exists (from disordered)'
    ) }}
)

select unique_field
from (
    select
        {{ column_name }} as unique_field,
        lag({{ column_name }}) over (order by {{ column_name }}) as previous
    from may_repeat
)
where unique_field = previous
{% endmacro %}

{% macro default__unique_combination(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endmacro %}
{% macro duckdb__unique_combination(model, columns) %}
    {{ default__unique_combination('(' ~ rows_that_may_repeat(model, columns) ~ ')', columns) }}
{% endmacro %}
