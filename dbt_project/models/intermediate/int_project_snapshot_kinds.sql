-- Bucket k is what lies between the kind before and this one; AS_OF comes after every pledge.
{% for kind in var('snapshot_kinds').project %}
    select
        '{{ kind.name }}' as snapshot_kind,
        {{ loop.index0 }} as bucket,
        {{ kind.hours | default('null') }} as hours_after
    {{ 'union all' if not loop.last }}
{% endfor %}
