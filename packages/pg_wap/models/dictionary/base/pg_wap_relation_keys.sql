{{ config(materialized='ephemeral') }}

select * from {{ pg_wap.audit_table('relation_keys') }}
