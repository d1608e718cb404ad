{#- dbt makes a table or view under another name and renames it, which costs more than many of our queries. In DuckDB both
    can be dropped and made in one transaction: who reads the file sees the old one or the new one. Dropped without
    `cascade`, which DuckLake does not know: nothing hangs on our tables that DuckDB would drop with them. -#}
{% materialization table, adapter='duckdb' %}
    {{ return(make_in_place('table')) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(make_in_place('view')) }}
{% endmaterialization %}

{% macro make_in_place(kind) %}
    {%- set made = this.incorporate(type=kind) -%}
    {%- set replaced = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%}
        {%- if replaced %}drop {{ replaced.type }} if exists {{ replaced }};{% endif %}
        {{ create_table_as(false, made, sql) if kind == 'table' else create_view_as(made, sql) }}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [made]}) }}
{% endmacro %}
