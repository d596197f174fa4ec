{{ config(materialized='ephemeral') }}

select * from {{ pg_wap.audit_table('column_profiles') }}
