{#- One name for a landed table, whichever way it came in: a small one is a seed, a large one Parquet.
    The macro parquet_tables is written by landing. -#}
{% macro raw(table_name) -%}
    {%- if table_name in parquet_tables() -%}
        {{ source('raw', table_name) }}
    {%- else -%}
        {{ ref(table_name) }}
    {%- endif -%}
{%- endmacro %}

{#- Views over the landed Parquet files, so that `raw.<table>` exists whichever way it came in. -#}
{% macro create_raw_views() %}
    {%- if execute -%}
        {%- for node in graph.sources.values() if node.source_name == 'raw' %}
            create schema if not exists raw;
            create or replace view {{ node.schema }}.{{ node.identifier }} as
            select * from read_parquet('{{ node.meta.external_location | replace("'", "''") }}');
        {% endfor -%}
    {%- endif -%}
{% endmacro %}
