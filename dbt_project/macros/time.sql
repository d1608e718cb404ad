{#- The timestamp the warehouse is built for, UTC, which landing wrote beside the raw tables. Rows are cut at it in
    staging only; later models ask it whether a planned timestamp (a deadline, the end of a milestone's grace) has come. A table and
    no variable: another AS_OF then changes no compiled model, so dbt does not parse the project again. -#}
{% macro as_of() -%}
    (select landing.as_of from {{ raw('landing') }} as landing)
{%- endmacro %}

{#- Which part of the campaign an age (microseconds since launch) lies in: bucket k ends at the k-th snapshot kind
    of int_project_snapshot_kinds, which may not see it any more: strictly before. -#}
{% macro campaign_bucket(age_us) -%}
    {%- set ends = var('snapshot_kinds').project | selectattr('hours') | list -%}
    case
        {%- for kind in ends %}
        when ({{ age_us }}) < {{ kind.hours }} * 3600000000 then {{ loop.index }}
        {%- endfor %}
        else {{ ends | length + 1 }}
    end
{%- endmacro %}

{#- A milestone not approved this many hours after it was due is high risk; after the second, refunded. `int` lets the
    project be parsed with what is no number: check_vars refuses it. -#}
{% macro grace_hours() -%}{{ var('grace_days') | int * 24 }}{%- endmacro %}
{% macro expiry_hours() -%}{{ var('expiry_days') | int * 24 }}{%- endmacro %}

{% macro microseconds_between(earlier, later) -%}
    {{ adapter.dispatch('microseconds_between', 'escrow')(earlier, later) }}
{%- endmacro %}
{% macro default__microseconds_between(earlier, later) -%}
    date_diff('microsecond', ({{ earlier }}), ({{ later }}))
{%- endmacro %}
{% macro spark__microseconds_between(earlier, later) -%}
    timestampdiff(microsecond, ({{ earlier }}), ({{ later }}))
{%- endmacro %}

{% macro hours_between(earlier, later) -%}
    (cast({{ microseconds_between(earlier, later) }} as double) / 3600000000)
{%- endmacro %}
{% macro days_between(earlier, later) -%}
    (cast({{ microseconds_between(earlier, later) }} as double) / 86400000000)
{%- endmacro %}

{% macro add_hours(start_at, hours) -%}
    {{ adapter.dispatch('add_hours', 'escrow')(start_at, hours) }}
{%- endmacro %}
{% macro default__add_hours(start_at, hours) -%}
    (({{ start_at }}) + to_hours({{ hours }}))
{%- endmacro %}
{% macro spark__add_hours(start_at, hours) -%}
    (({{ start_at }}) + make_dt_interval(0, {{ hours }}))
{%- endmacro %}

{#- 1 = Monday … 7 = Sunday. -#}
{% macro iso_weekday(timestamp_at) -%}
    {{ adapter.dispatch('iso_weekday', 'escrow')(timestamp_at) }}
{%- endmacro %}
{% macro default__iso_weekday(timestamp_at) -%}cast(isodow({{ timestamp_at }}) as bigint){%- endmacro %}
{% macro spark__iso_weekday(timestamp_at) -%}cast(weekday({{ timestamp_at }}) + 1 as bigint){%- endmacro %}
