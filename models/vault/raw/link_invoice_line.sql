{{ config(
    unique_key='invoice_line_lk',
    touched_by={'stg_retail__transactions': 'file_id'},
    indexes=[
        {'columns': ['file_id'], 'type': 'brin', 'with': 'autosummarize = on'},
        {'columns': ['invoice_hk']},
    ],
) }}

{{ pg_vault.link(ref('stg_retail__transactions'), ref('stg_retail__landed_files')) }}
