{{ config(
    unique_key=['invoice_line_lk', 'applied_at', 'reading'],
    touched_by={'int_lines_classified': 'invoice_number'},
    indexes=[
        {'columns': ['invoice_number']},
        {'columns': ['invoice_line_lk'], 'where': 'reading > 0'},
    ],
) }}

{{ pg_vault.satellite(ref('int_lines_classified'), ref('stg_retail__landed_files')) }}
