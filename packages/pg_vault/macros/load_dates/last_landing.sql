{% macro last_landing(ledger) -%}
    (select max(landed_at) from {{ ledger }})
{%- endmacro %}
