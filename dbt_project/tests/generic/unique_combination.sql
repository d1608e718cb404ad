{% test unique_combination(model, columns) %}
    {{ adapter.dispatch('unique_combination', 'escrow')(model, columns) }}
{% endtest %}
