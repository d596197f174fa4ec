{{ config(
    unique_key=['invoice_line_lk', 'reading'],
    touched_by={'stg_retail__transactions': 'file_id'},
    indexes=[
        {'columns': ['file_id'], 'type': 'brin', 'with': 'autosummarize = on'},
        {'columns': ['invoice_line_lk'], 'where': 'reading > 0'},
    ],
) }}

{{ pg_vault.satellite(ref('stg_retail__transactions'), ref('stg_retail__landed_files')) }}
