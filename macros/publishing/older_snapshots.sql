{#- A statement in read committed that is alone in its transaction has its locks already, and takes no other snapshot. -#}
{% macro older_snapshots(steps) -%}
    select pid
    from pg_stat_activity
    where
        datname = current_database()
        and backend_type = 'client backend'
        and pid <> pg_backend_pid()
        and age(backend_xmin) >= (select min(age(staged_by::xid)) from {{ steps }})
        and (state <> 'active' or xact_start < query_start)
{%- endmacro %}
