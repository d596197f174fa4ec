{% test expect_column_values_to_match_regex(
    model,
    column_name,
    regex,
    row_condition=none,
    is_raw=false,
    flags=''
) %}

{#- `is_raw` is for databases whose string literals have escapes; those of PostgreSQL have none.
    A null does not match. -#}
{{ dbt_expectations._failing_rows(
    model,
    "coalesce(regexp_like(" ~ column_name ~ ", '" ~ regex ~ "', '" ~ flags ~ "'), false)",
    row_condition=row_condition
) }}

{% endtest %}
