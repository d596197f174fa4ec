{% macro record_full_build() -%}
    {%- do graph["built_in_full"].append(model.unique_id) -%}
    update {{ delta_state() }} set built_in_full_at = clock_timestamp() where unique_id = '{{ model.unique_id }}'
{%- endmacro %}
