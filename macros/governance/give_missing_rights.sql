{#- `give_rights` as statements of PL/pgSQL, which use the variable `step`. The query on the catalogue comes first, because a name in a
    schema that may not be used is an error. -#}
{% macro give_missing_rights(relation=none) -%}
    if exists (
        select
        from pg_class
        inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
        where
            pg_namespace.nspname = 'governance'
            and pg_class.relname = 'missing_rights'
            and has_schema_privilege(pg_namespace.oid, 'usage')
            and has_table_privilege(pg_class.oid, 'select')
    ) then
        for step in
            select missing_rights.statement
            from governance.missing_rights
            where
                pg_has_role(missing_rights.owner, 'usage')
                {%- if relation %}
                and missing_rights.objid = to_regclass('{{ relation.include(database=false) }}')
                {%- endif %}
        loop
            execute step.statement;
        end loop;
    end if;
{%- endmacro %}
