{#- The rows of a history table that count at AS_OF: of each key those that were written last, all of them; what a run
    for a later timestamp wrote is not seen. The one place where "the newest counts" is decided. -#}
{% macro newest(history, key, made_at) -%}
    select *
    from (
        select
            *,
            rank() over (
                partition by {{ key | join(', ') }}
                order by as_of desc, {{ made_at }} desc, run_id desc
            ) as recency
        from {{ history }}
        where as_of <= {{ as_of() }}
    ) as ranked
    where recency = 1
{%- endmacro %}

{#- Whether a row counts beside the decisions for AS_OF: it is for AS_OF itself, or was there when that was first decided
    for. A run for an earlier timestamp that is made afterwards therefore changes nothing at AS_OF. -#}
{% macro known_in_time(row_as_of, made_at, first_decided_at) -%}
    (
        {{ row_as_of }} = {{ as_of() }}
        or {{ first_decided_at }} is null
        or {{ made_at }} < {{ first_decided_at }}
    )
{%- endmacro %}

{#- The common table expressions of what was measured of a model version, for `select ... from newest`: measured again for
    the same version, the newest measurement counts, as a whole; a version that no decision is about any more is left out. -#}
{% macro newest_measured(table) -%}
with

versions as (
    select
        model_name,
        model_version,
        as_of,
        first_decided_at
    from {{ ref('stg_model_runs') }}
    union
    select
        model_name,
        model_version,
        as_of,
        cast(null as timestamp) as first_decided_at
    from {{ ref('stg_model_replays') }}
),

measured as (
    select history.*
    from {{ source('ml', table) }} as history
    inner join versions
        on
            history.model_name = versions.model_name
            and split_part(history.model_version, '/', 1) = versions.model_version
            and history.as_of = versions.as_of
    where
        {{ known_in_time('history.as_of', 'history.measured_at', 'versions.first_decided_at') }}
),

newest as (
    {{ newest('measured', ['model_name', "split_part(model_version, '/', 1)"], 'measured_at') }}
)
{%- endmacro %}

{#- The tables of schema ml as their sources declare them, before anything is built: views on them come first. Columns
    that history from an older run lacks are added, and dated by the first run of their model or bandit; what it calls
    `clock` is renamed to `snapshot_kind`. -#}
{% macro create_ml_tables() -%}
    {{ adapter.dispatch('create_ml_tables', 'escrow')() }}
{%- endmacro %}
{#- Python writes them into DuckDB; before insights are built Spark gets them as Parquet. -#}
{% macro spark__create_ml_tables() -%}
    {%- if execute and invocation_args_dict.selector == 'from_ml' -%}
        {{ view_parquet(
            graph.sources.values() | selectattr('source_name', 'equalto', 'ml'), env_var('ESCROW_SPARK') ~ '/ml'
        ) }}
    {%- endif -%}
{%- endmacro %}
{% macro default__create_ml_tables() -%}
    {%- if execute -%}
        {%- set known = run_query(
            "select table_name, column_name from information_schema.columns where table_schema = 'ml'"
        ) -%}
        {%- set present = {} -%}
        {%- for row in known.rows -%}
            {%- do present.setdefault(row[0], []).append(row[1]) -%}
        {%- endfor -%}
        create schema if not exists ml;
        {%- for node in graph.sources.values() if node.source_name == 'ml' -%}
            {%- set table = node.schema ~ '.' ~ node.identifier -%}
            {%- set columns = node.columns.values() -%}
            {%- if node.identifier not in present %}
                create table {{ table }} (
                    {% for column in columns %}{{ column.name }} {{ column.data_type }}{{ ', ' if not loop.last }}{% endfor %}
                );
            {%- else -%}
                {%- if 'clock' in present[node.identifier] %}
                    alter table {{ table }} rename column clock to snapshot_kind;
                    {%- do present[node.identifier].append('snapshot_kind') -%}
                {%- endif -%}
                {%- for column in columns if column.name not in present[node.identifier] %}
                    alter table {{ table }} add column {{ column.name }} {{ column.data_type }};
                    {{ date_history(table, column.name, node.columns) }}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro date_history(table, column, columns) -%}
    {%- if column == 'week_at' %}
        update {{ table }} set week_at = as_of;
    {%- elif column == 'as_of' and 'bandit_version' in columns %}
        update {{ table }} as history set as_of = (
            select min(runs.as_of) from ml.bandit_runs as runs
            where runs.bandit_version = history.bandit_version
        );
    {%- elif column == 'as_of' %}
        update {{ table }} as history set as_of = (
            select min(runs.as_of) from ml.model_runs as runs
            where runs.model_name = history.model_name
                and runs.model_version = split_part(history.model_version, '/', 1)
        );
    {%- endif -%}
{%- endmacro %}
