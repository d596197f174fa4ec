{#- For the post-hook of a view that hides rows or values. Without the setting, PostgreSQL may call a reader's function, in a condition, on
    rows that the view would remove afterwards (manual, 39.5). -#}
{% macro hide_rows_from_functions() -%}
    alter view {{ this.include(database=false) }} set (security_barrier = true)
{%- endmacro %}
