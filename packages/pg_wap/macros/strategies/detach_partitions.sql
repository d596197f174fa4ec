{#- A run-operation for retention: takes partitions that end by a date off a table, or drops them.

    Arguments:
        model: name of a model that is materialized as incremental_by_partition.
        before: a date; partitions that end on it or earlier go.
        drop: whether to drop them; otherwise they stay, as `<partition>__detached`. -#}
{% macro detach_partitions(model, before, drop=false) -%}
    {%- set models = graph.nodes.values() | selectattr("resource_type", "equalto", "model") -%}
    {%- set node = models | selectattr("name", "equalto", model) | first -%}
    {%- set problem = namespace(text=none) -%}
    {%- if not node -%}
        {%- set problem.text = "there is no model '" ~ model ~ "'" -%}
    {%- elif node.config.materialized != "incremental_by_partition" -%}
        {%- set problem.text = "model '" ~ model ~ "' is not partitioned" -%}
    {%- elif not modules.re.fullmatch("[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", before | string) -%}
        {%- set problem.text = "before must be a date such as 2010-12-01, not '" ~ before ~ "'" -%}
    {%- elif drop is not boolean -%}
        {%- set problem.text = "drop must be true or false, not '" ~ drop ~ "'" -%}
    {%- else -%}
        {%- set relation = load_relation(pg_wap.stored_table(pg_wap.relation_of(node))) -%}
        {%- set problem.text = node.schema ~ "." ~ node.alias ~ " does not exist" if relation is none -%}
    {%- endif -%}
    {%- if problem.text -%}
        {{ exceptions.raise_compiler_error("detach_partitions: " ~ problem.text ~ ".") }}
    {%- endif -%}

    {%- set table = relation.include(database=false) -%}
    {%- set partitions = pg_wap.partitions_before(table, before) -%}
    {%- for partition in partitions if partition.is_in_the_way and not drop -%}
        {{ exceptions.raise_compiler_error(
            "detach_partitions: " ~ partition.relation ~ " was detached before, and " ~ partition.detached
            ~ " is still there: rename or drop it."
        ) }}
    {%- endfor -%}
    {%- set statements -%}
        {%- for partition in partitions -%}
        {%- if drop -%}
        drop table {{ partition.relation }} cascade;
        {%- else -%}
        alter table {{ table }} detach partition {{ partition.relation }};
        alter table {{ partition.relation }} rename to {{ partition.detached }};
        {%- endif %}
        {% endfor -%}
    {%- endset -%}
    {%- if partitions -%}
        {%- set locks = "array['" ~ ([table] + partitions | map(attribute="relation") | list) | join("', '") ~ "']::text[]" -%}
        {%- call statement("detach_partitions", auto_begin=false) -%}
            begin;
            {{ pg_wap.swap_under_locks(
                what=relation.schema ~ "." ~ relation.identifier,
                shared=locks,
                exclusive=locks,
                swap=statements,
                only="only",
            ) }};
            commit;
            {{ pg_wap.analyze_partitioned(relation) }}
        {%- endcall -%}
    {%- endif -%}
    {%- do log(
        ("Dropped " if drop else "Detached ") ~ partitions | length ~ " partitions of " ~ relation.schema ~ "."
        ~ relation.identifier ~ (": " ~ partitions | map(attribute="relation") | join(", ") if partitions else ""), info=true
    ) -%}
{%- endmacro %}

{#- PostgreSQL keeps bounds as the text of an expression: ('2011-01-01'), ('2011-01-01 00:00:00') or (20110101). -#}
{% macro partitions_before(table, before) -%}
    {%- call statement("partitions_before", fetch_result=true) -%}
        set local datestyle to iso;
        with
        partitions as (
            select
                relnamespace,
                relname,
                substring(pg_get_expr(relpartbound, pg_class.oid) from 'TO \(''?([0-9-]+)')::date as ends_on
            from pg_inherits
            inner join pg_class on inhrelid = pg_class.oid
            where inhparent = to_regclass('{{ table }}')
        )
        select coalesce(json_agg(json_build_object(
            'relation', format('%s.%I', relnamespace::regnamespace, relname),
            'detached', quote_ident(relname || '__detached'),
            'is_in_the_way', to_regclass(format('%s.%I', relnamespace::regnamespace, relname || '__detached')) is not null
        ) order by ends_on), '[]')::text
        from partitions
        where ends_on <= '{{ before }}'::date
    {%- endcall -%}
    {{ return(fromjson(load_result("partitions_before").table.rows[0][0])) }}
{%- endmacro %}
