{#- One name for a landed table, whichever way it came in: a small one is a seed, a large one Parquet.
    The macro parquet_tables is written by landing. -#}
{% macro raw(table_name) -%}
    {%- if table_name in parquet_tables() -%}
        {{ source('raw', table_name) }}
    {%- else -%}
        {{ ref(table_name) }}
    {%- endif -%}
{%- endmacro %}

{#- Views over the landed Parquet files, so that `raw.<table>` exists whichever way it came in. The row of landing is
    kept in the database: the views of staging are cut at it. -#}
{% macro create_raw_views() -%}
    {{ adapter.dispatch('create_raw_views', 'escrow')() }}
{%- endmacro %}
{% macro default__create_raw_views() %}
    {%- if execute -%}
        {%- for node in graph.sources.values() if node.source_name == 'raw' %}
            create schema if not exists raw;
            create or replace {{ 'table' if node.identifier == 'landing' else 'view' }}
            {{ node.schema }}.{{ node.identifier }} as
            select * from read_parquet('{{ node.meta.external_location | replace("'", "''") }}');
        {% endfor -%}
    {%- endif -%}
{% endmacro %}
{% macro spark__create_raw_views() -%}
    {%- if execute -%}
        {{ view_parquet(graph.sources.values() | selectattr('source_name', 'equalto', 'raw')) }}
    {%- endif -%}
{%- endmacro %}

{#- Spark's own: it runs one statement at a time. -#}
{% macro view_parquet(tables, folder='') -%}
    {%- for node in tables -%}
        {%- set path = folder ~ '/' ~ node.identifier ~ '.parquet' if folder else node.meta.external_location -%}
        {%- if loop.first -%}
            {%- do run_query('create schema if not exists ' ~ node.schema) -%}
        {%- endif -%}
        {%- do run_query(
            'create or replace view ' ~ node.schema ~ '.' ~ node.identifier
            ~ ' as select * from parquet.`' ~ path | replace('`', '``') ~ '`'
        ) -%}
    {%- endfor -%}
{%- endmacro %}
