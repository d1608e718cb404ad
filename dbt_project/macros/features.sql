{#- One row per feature, from the contracts of the feature tables: a column whose `meta` names a group is a feature. -#}
{% macro feature_catalogue(entities) -%}
    {%- set described = [] -%}
    {%- for entity in entities if execute -%}
        {%- set model = graph.nodes['model.escrow.' ~ entity ~ '_features'] -%}
        {%- set groups = model.config.meta.feature_groups -%}
        {%- for column in model.columns.values() if column.config.meta.feature_group -%}
            {%- do described.append(described_feature(entity, column, groups, loop.index)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ described | join('\nunion all\n') }}
{%- endmacro %}

{% macro described_feature(entity, column, groups, sort_order) -%}
    {%- set group = column.config.meta.feature_group -%}
    {%- if group not in groups -%}
        {{ exceptions.raise_compiler_error(
            entity ~ '_features.' ~ column.name ~ ' is in the feature group ' ~ group ~ ', which `feature_groups` of '
            ~ entity ~ '_features in _features__models.yml does not declare; there are ' ~ groups | join(', ')
        ) }}
    {%- endif -%}
    select
        '{{ entity }}' as entity,
        '{{ column.name }}' as feature,
        cast({{ sort_order }} as bigint) as sort_order,
        '{{ column.data_type }}' as data_type,
        {{ text_literal(groups[group].about) }} as feature_group,
        cast({{ (groups | list).index(group) + 1 }} as bigint) as group_order,
        {{ text_literal(groups[group].known_when) }} as known_when,
        {{ text_literal(column.description | trim) }} as description
{%- endmacro %}

{% macro text_literal(text) -%}
    {{ adapter.dispatch('text_literal', 'escrow')(text) }}
{%- endmacro %}
{% macro default__text_literal(text) -%}'{{ text | replace("'", "''") }}'{%- endmacro %}
{% macro spark__text_literal(text) -%}'{{ text | replace("\\", "\\\\") | replace("'", "\\'") }}'{%- endmacro %}
