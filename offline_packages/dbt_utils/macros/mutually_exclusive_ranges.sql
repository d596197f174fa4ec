{#- A failure is a range that does not end after it begins, or does not fit the next one. -#}
{% test mutually_exclusive_ranges(
    model, lower_bound_column, upper_bound_column, partition_by=none, gaps="allowed", zero_length_range_allowed=false
) %}

{%- set fits = {"allowed": "<=", "not_allowed": "=", "required": "<"}.get(gaps) -%}
{%- if not fits -%}
    {{ exceptions.raise_compiler_error("mutually_exclusive_ranges: gaps is allowed, not_allowed or required") }}
{%- endif %}

with ranges as (

    select
        {{ partition_by ~ "," if partition_by }}
        {{ lower_bound_column }} as range_start,
        {{ upper_bound_column }} as range_end,
        lead({{ lower_bound_column }}) over in_order as next_range_start,
        lead(false, 1, true) over in_order as is_last_range
    from {{ model }}
    window in_order as (
        {{ "partition by " ~ partition_by if partition_by }}
        order by {{ lower_bound_column }}, {{ upper_bound_column }}
    )

)

-- `is not true`, because a bound that is null must fail
select *
from ranges
where
    (range_start {{ "<=" if zero_length_range_allowed else "<" }} range_end) is not true
    or (not is_last_range and (range_end {{ fits }} next_range_start) is not true)

{% endtest %}
