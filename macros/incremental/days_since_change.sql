{#- Days without a line are in no change log, so the range begins on the day after the last known day before the change. -#}
{% macro days_since_change(model_names, known_days) -%}
    select days.day::date as invoiced_on
    from (
        select
            min(changed_days.invoiced_on) as first_on,
            max(changed_days.invoiced_on) as last_on
        from (
            {%- for model_name in model_names %}
            select invoiced_on from {{ pg_wap.changes_of(model_name) }}
            {%- if not loop.last %}
            union all
            {%- endif %}
            {%- endfor %}
        ) as changed_days
    ) as changes
    cross join lateral (
        select
            coalesce(
                max(known_days.invoiced_on) filter (where known_days.invoiced_on < changes.first_on) + 1, changes.first_on
            ) as first_on,
            greatest(max(known_days.invoiced_on), changes.last_on) as last_on
        from {{ known_days }} as known_days
    ) as touched
    cross join generate_series(touched.first_on::timestamp, touched.last_on::timestamp, interval '1 day') as days (day)
{%- endmacro %}
