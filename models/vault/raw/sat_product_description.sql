{{ config(
    unique_key=['product_hk', 'applied_at', 'file_id', 'file_line', 'reading'],
    touched_by={'stage_product_descriptions': 'file_id'},
    indexes=[{'columns': ['file_id'], 'type': 'brin', 'with': 'autosummarize = on'}],
) }}

{{ pg_vault.satellite(ref('stage_product_descriptions'), ref('stg_retail__landed_files')) }}
