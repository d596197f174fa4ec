{#- The tables behind gold that are no partitions of others and whose names match. -#}
{% macro kept_tables(pattern) -%}
    {%- set schemas = [] -%}
    {%- for node in published_models() -%}
        {%- set relation = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) -%}
        {%- for schema in [served_table(relation).schema, partitions_of(relation).schema] if schema not in schemas -%}
            {%- do schemas.append(schema) -%}
        {%- endfor -%}
    {%- endfor %}
    select pg_class.oid::regclass::text as name
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where
        nspname in ('{{ schemas | join("', '") }}')
        and relkind in ('r', 'p')
        and not relispartition
        and relname ~ '{{ pattern }}'
{%- endmacro %}
