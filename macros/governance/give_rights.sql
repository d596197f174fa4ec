{#- SQL that grants the rights that `roles.yml` declares and that are missing, on relations that this role owns. `make roles` writes the
    declaration into the schema `governance`; without it there is nothing to do.

    Arguments:
        relation: the only relation to look at; none for all. -#}
{% macro give_rights(relation=none) -%}
    do $rights$
    declare
        step record;
    begin
        {{ give_missing_rights(relation) | indent(8) }}
    end $rights$
{%- endmacro %}

{#- The same as statements of PL/pgSQL. The query on the catalogue comes first, because a name in a schema that may not be used is an error. -#}
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
