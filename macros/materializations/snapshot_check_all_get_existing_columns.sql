{#- dbt's own asks whether the columns to compare are new in the snapshot. In a delta build none is: its code would be another. -#}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) -%}
    {%- if check_cols_config is string or not is_delta() -%}
        {{ return(dbt.snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config)) }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for name in check_cols_config -%}
        {%- do columns.append(adapter.quote(name)) -%}
    {%- endfor -%}
    {{ return((false, columns)) }}
{%- endmacro %}
