{#- What the source says. A row without a business key, an event time or a member has no place, so it is left out. -#}
{% macro delivered_rows(vault, source, ledger, hash_diff) -%}
    {%- set business_key = [] if pg_vault.is_link(vault.parent) else vault.key.values() | first -%}
    {%- set required = business_key + [vault.applied_at] + ([vault.member] if vault.member else []) -%}
    select {{ pg_vault.parent_key(vault) }} as {{ vault.key.keys() | first }}, {{ vault.applied_at }} as applied_at,
        {{ pg_vault.landed(ledger) }} as load_date
        {%- if vault.record_source %}, source.file_id, source.file_line{% endif %}, {{ hash_diff }} as hash_diff
        {%- for column in pg_vault.payload(vault) %}, source.{{ column }}{% endfor %}
    from {{ source }} as source
    {%- if vault.record_source %}
    left join {{ ledger }} as files using (file_id)
    {%- endif %}
    where {{ vault.get("where", "true") }} {{ pg_vault.in_scope("source", source) }}
    {%- for column in required %} and {{ column }} is not null{% endfor %}
{%- endmacro %}
