{#- Writes the rows that differ from what is there. A row that comes out as it was is neither written nor logged, so nobody downstream has
    to look at it. -#}
{% macro keyed_delta_sql(target_relation) -%}
    {%- set row_key = config.require("unique_key") -%}
    {%- set row_key = [row_key] if row_key is string else row_key -%}
    {%- set changes = config.get("changes", []) -%}
    {%- set new_rows = adapter.quote(model.name[:58] ~ "__new") -%}
    {%- set old_rows = adapter.quote(model.name[:58] ~ "__old") %}
    delete from {{ target_relation }}
    where ctid = any(array(select old_ctid from {{ old_rows }} where is_gone));

    {% if changes -%}
    with added as (
    {%- endif %}
    insert into {{ target_relation }}
    select new_rows.*
    from {{ new_rows }} as new_rows
    left join {{ old_rows }} as old_rows
        on
            not old_rows.is_gone
            {%- for column in row_key %}
            and new_rows.{{ column }} = old_rows.{{ column }}
            {%- endfor %}
    where old_rows.old_ctid is null
    {%- if changes %}
    returning {{ changes | join(", ") }}
    )

    insert into {{ changes_of(model.name) }}
    select {{ changes | join(", ") }} from added
    union
    select {{ changes | join(", ") }} from {{ old_rows }} where is_gone
    {%- endif %};

    {{ keyed_analyze_sql(target_relation, new_rows) }}
{%- endmacro %}
