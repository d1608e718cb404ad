{% for entity, kinds in var('snapshot_kinds').items() %}
    {% set is_last_entity = loop.last %}
    {% for kind in kinds %}
        select
            '{{ entity }}' as entity,
            '{{ kind.name }}' as snapshot_kind,
            cast({{ loop.index }} as bigint) as sort_order,
            cast({{ kind.hours | default('null') }} as bigint) as hours_after,
            '{{ kind.description }}' as description
        {{ 'union all' if not (loop.last and is_last_entity) }}
    {% endfor %}
{% endfor %}
