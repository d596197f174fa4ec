{#- The business keys that the sources name, with the file of each row. -#}
{% macro delivered_keys(vault, sources) -%}
    {%- for source in sources %}
    {%- set name = pg_vault.column_in(source, vault.business_key) %}
    select {{ name }} as {{ vault.business_key }}, {{ pg_vault.record_source(source) }} as first_file_id
    from {{ source }}
    where {{ name }} is not null {{ pg_vault.in_scope("source", source) }}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
{%- endmacro %}
