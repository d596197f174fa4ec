{#- The rows that are there of the touched keys, and whether each has to go: because it is no more, or because it changed. -#}
{% macro keyed_old_rows_sql(target_relation, touched, new_rows, old_rows) -%}
    {%- set row_key = config.require("unique_key") -%}
    {%- set row_key = [row_key] if row_key is string else row_key -%}
    {%- set touched_key = config.get("touched_key", row_key) -%}
    {%- set touched_key = [touched_key] if touched_key is string else touched_key -%}
    create temporary table {{ old_rows }} on commit drop as
    select
        old_rows.ctid as old_ctid,
        {%- for column in (row_key + config.get("changes", [])) | unique %}
        old_rows.{{ column }},
        {%- endfor %}
        -- as wholes, whose columns are in the same order
        row(old_rows.*) is distinct from row(new_rows.*) as is_gone
    from {{ target_relation }} as old_rows
    {%- if touched %}
    inner join {{ touched_keys() }} as touched_keys
        on
            {%- for column in touched_key %}
            {% if not loop.first %}and {% endif %}old_rows.{{ column }} = touched_keys.{{ column }}
            {%- endfor %}
    {%- endif %}
    left join {{ new_rows }} as new_rows
        on
            {%- for column in row_key %}
            {% if not loop.first %}and {% endif %}old_rows.{{ column }} = new_rows.{{ column }}
            {%- endfor %};

    analyze {{ old_rows }};
{%- endmacro %}
