{{ config(
    materialized='stable_view',
) }}

{{ pg_vault.bridge(ref('link_invoice_line'), [ref('sat_invoice_line'), ref('csat_invoice_line')]) }}
