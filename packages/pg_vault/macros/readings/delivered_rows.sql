{% macro delivered_rows(vault, source, ledger, hash_diff) -%}
    {%- set expressions = vault.key.values() | first -%}
    select {{ pg_vault.parent_key(vault) }} as {{ vault.key.keys() | first }}, {{ vault.applied_at }} as applied_at,
        {{ pg_vault.landed(ledger) }} as load_date
        {%- if vault.record_source %}, source.file_id, source.file_line{% endif %}, {{ hash_diff }} as hash_diff
        {%- for column in pg_vault.payload(vault) %}, source.{{ column }}{% endfor %}
    from {{ source }} as source
    {%- if vault.record_source %}
    left join {{ ledger }} as files using (file_id)
    {%- endif %}
    where {{ vault.get("where", "true") }} {{ pg_vault.in_scope("source", source) }}
    {%- for column in expressions if not pg_vault.is_link(vault.parent) %} and {{ column }} is not null{% endfor %}
{%- endmacro %}
