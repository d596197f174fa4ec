{#- `dbt clone` makes a view of a snapshot, which has no indexes. -#}
{% macro known_once(thing, columns) -%}
    {%- if flags.WHICH != "clone" -%}
        create unique index if not exists {{ this.identifier }}_knows_a_{{ thing }}_once
        on {{ this }} ({{ columns | join(", ") }}) where dbt_valid_to is null
    {%- endif -%}
{%- endmacro %}
