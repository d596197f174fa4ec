{#- The load date is the landing of the file. What comes in no file counts as known since the last landing. -#}
{% macro landed(ledger) -%}
    {%- set vault = model.config.meta.vault -%}
    {%- set last_landing = pg_vault.last_landing(ledger) -%}
    {%- if vault.type.endswith("satellite") and not vault.record_source -%}
        {{ return(last_landing) }}
    {%- endif -%}
    {{ return("coalesce(files.landed_at, " ~ last_landing ~ ")") }}
{%- endmacro %}
