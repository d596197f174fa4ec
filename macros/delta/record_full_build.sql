{% macro record_full_build() -%}
    update {{ delta_state() }} set built_in_full_at = clock_timestamp() where unique_id = '{{ model.unique_id }}'
{%- endmacro %}
