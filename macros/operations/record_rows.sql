{#- What PostgreSQL believes, which costs nothing: exact right after it was analyzed, close otherwise. -#}
{% macro record_rows() -%}
    {%- set relations = [] -%}
    {%- for node in published_models() -%}
        {%- set view = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) -%}
        {%- do relations.append(
            "('" ~ view.include(database=false) ~ "', to_regclass('" ~ served_table(view).include(database=false) ~ "'))"
        ) -%}
    {%- endfor -%}
    insert into {{ row_log() }} (release_id, relation, row_estimate)
    select
        releases.release_id,
        replace(published.relation, '"', ''),
        sum(nullif(stored.reltuples, -1))
    from (values {{ relations | join(", ") }}) as published (relation, served)
    cross join (select max(release_id) as release_id from {{ publish_log() }}) as releases
    left join pg_inherits on published.served = pg_inherits.inhparent
    inner join pg_class as stored on coalesce(pg_inherits.inhrelid, published.served) = stored.oid
    group by releases.release_id, published.relation
{%- endmacro %}
