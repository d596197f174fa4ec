{#- With constant bounds, the planner leaves out the partitions of all other months. Bounds that are only known while the query
    runs cost 40 ms for 250 partitions. -#}
{% macro in_changed_months(column, after) -%}
    {%- if not pg_wap.is_delta() -%}
        {{ return("") }}
    {%- endif -%}
    {%- set bounds = run_query(
        "select " ~ month_start("min(invoiced_on)") ~ ", " ~ month_start("max(invoiced_on)") ~ " + interval '1 month'"
        ~ " from " ~ pg_wap.changes_of("int_lines_classified")
    ).rows[0] -%}
    {{ return(
        after ~ " (" ~ column ~ " >= '" ~ bounds[0] ~ "'::date and " ~ column ~ " < '" ~ bounds[1] ~ "'::date)" if bounds[0] else after ~ " false"
    ) }}
{%- endmacro %}
