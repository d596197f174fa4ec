{#- A run-operation: drops what a rollback would bring back. Until the next release, there is no way back. For data that must be gone, and
    would stay in the tables of the release before. -#}
{% macro drop_previous_release() -%}
    {%- do run_query(pg_wap.create_tables()) if load_relation(pg_wap.audit_table("runs")) -%}
    {%- if load_relation(pg_wap.audit_table("rollback_steps")) -%}
        {%- call statement("drop_previous_release", auto_begin=false) -%}{{ pg_wap.drop_previous_release_sql() }}{%- endcall -%}
        {%- do log("The release before the present one is dropped. A rollback is possible again after the next release.", info=true) -%}
    {%- else -%}
        {%- do log("Nothing is published yet, so there is no release to drop.", info=true) -%}
    {%- endif -%}
{%- endmacro %}

{#- Under locks, because a prepared statement of a reader may still name a table of the release before. -#}
{% macro drop_previous_release_sql() -%}
    {%- set before %}
{{ pg_wap.lock_releases() }}
previous := array({{ pg_wap.kept_tables("__previous(_gone|_added)?$") | indent(4) }});
delete from {{ pg_wap.audit_table("rollback_steps") }};
    {%- endset -%}
    {%- set swap %}
foreach name in array previous loop
    execute format('drop table %s cascade', name);
end loop;
    {%- endset -%}
    {{ return("begin;\n" ~ pg_wap.swap_under_locks(
        what="the release before the present one",
        shared="'{}'::text[]",
        exclusive="previous",
        swap=swap,
        before=before,
    ) ~ ";\ncommit") }}
{%- endmacro %}
