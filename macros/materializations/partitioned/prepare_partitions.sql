{#- The lock is of the session, and waits for what a killed build may still be doing on the server. -#}
{% macro prepare_partitions(relation, base) -%}
    do $prepare$
    declare
        leftover regclass;
    begin
        perform set_config('lock_timeout', '{{ var("swap_patience_seconds", 60) }}s', true);
        begin
            perform pg_advisory_lock(hashtext('partitioned'), hashtext('{{ relation.schema }}.{{ relation.identifier }}'));
        exception when lock_not_available then
            raise exception '{{ relation.schema }}.{{ relation.identifier }} is being built by another session';
        end;
        if to_regnamespace('"{{ base.schema }}"') is null then
            begin
                create schema {{ base.without_identifier().include(database=false) }};
            exception when duplicate_schema or unique_violation then
                null;
            end;
        end if;
        for leftover in
            select pg_class.oid
            from pg_class
            where
                relnamespace = to_regnamespace('"{{ base.schema }}"')
                and relkind in ('r', 'p')
                and not relispartition
                and starts_with(relname, '{{ base.identifier }}_')
                and substr(relname, length('{{ base.identifier }}_') + 1) ~ '^[0-9]{4}(q[1-4]|[0-9]{2}|[0-9]{4})?__new$|^_staged$'
        loop
            execute 'drop table ' || leftover;
        end loop;
    end $prepare$
{%- endmacro %}
