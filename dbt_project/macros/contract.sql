{#- A contract says varchar; a text without a length is a string in Spark. -#}
{% macro spark__get_empty_schema_sql(columns) -%}
    {%- set declared = {} -%}
    {%- for name, column in columns.items() -%}
        {%- set data_type = 'string' if column.data_type == 'varchar' else column.data_type -%}
        {%- do declared.update({name: dict(column, data_type=data_type)}) -%}
    {%- endfor -%}
    {{ return(default__get_empty_schema_sql(declared)) }}
{%- endmacro %}
