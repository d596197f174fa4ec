{#- A table of partitions by date. Touched partitions are built aside and attached, so a build costs what changed, and readers wait only for
    the swap. A query that names its bounds (`in_partition`) runs once for each partition; any other query is staged and split. -#}
{% materialization incremental_by_partition, adapter="postgres" -%}
    {%- set by = pg_wap.get_partition_by() -%}
    {%- set is_published = pg_wap.is_published(model) -%}
    {%- set relation = pg_wap.stored_table(this) -%}
    {%- set base = pg_wap.partitions_of(this) -%}
    {%- set staged = base.incorporate(path={"identifier": base.identifier ~ "__staged"}) -%}
    {%- set is_bounded = "/* in each partition: " in sql -%}
    {%- set is_full = not pg_wap.is_delta() -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- call statement("prepare_partitions") -%} {{ pg_wap.prepare_partitions(relation, base) }} {%- endcall -%}
    {%- do adapter.commit() -%}

    {%- if config.get("contract").enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    {%- call statement("stage_partitions", fetch_result=true) -%}
        {{ pg_wap.stage_partitions(staged, sql, is_bounded) }};
        {{ pg_wap.describe_partitions(relation, base, staged) }}
    {%- endcall -%}
    {%- set state = fromjson(load_result("stage_partitions").table.rows[0][0]) -%}
    {%- do by.update({"column": pg_wap.resolve_partition_column(by, state)}) -%}
    {%- set is_new = not pg_wap.partitions_fit(base, by, state) -%}
    {%- set listed = pg_wap.list_partitions(base, by, staged, is_bounded, is_full) -%}
    {%- set touched = listed if is_full else listed | selectattr("is_touched") | list -%}
    {{ pg_wap.assert_buildable(relation, touched, state, is_new, is_full) }}

    {%- set filled = pg_wap.build_partitions(touched, sql, by, none if is_bounded else staged) -%}
    {#- Committed before any reader has to wait. -#}
    {%- call statement("drop_staged") -%} drop table {{ staged }} {%- endcall -%}
    {%- do adapter.commit() -%}

    {%- if touched or is_full -%}
        {%- set found = {"built": touched | selectattr("name", "in", filled) | list, "empty": touched | rejectattr("name", "in", filled) | list} -%}
        {%- if is_new or (is_full and is_published) -%}
            {%- set change = pg_wap.replace_partitioned_table(relation, by, state, found) -%}
        {%- else -%}
            {%- set change = pg_wap.replace_partitions(relation, by, state, found, is_full) -%}
        {%- endif -%}
        {#- One string with its commit: between two calls dbt may be busy with other models, while readers wait. -#}
        {%- call statement("write", auto_begin=is_published) -%}
            begin;
            {{ pg_wap.write_change(change) }};
            {% if not is_published %}commit{% endif %}
        {%- endcall -%}
    {%- else -%}
        {#- The commit below needs a transaction. -#}
        {%- call statement("begin_nothing") -%} begin {%- endcall -%}
    {%- endif -%}
    {%- call noop_statement("main", touched | length ~ " PARTITIONS") -%} {{ sql }} {%- endcall -%}

    {%- if not is_published -%}
        {%- call statement("analyze_partitioned") -%} begin; {{ pg_wap.analyze_partitioned(relation) }} {%- endcall -%}
        {%- do apply_grants(relation, config.get("grants"), should_revoke=should_revoke(relation, is_new)) -%}
        {%- do persist_docs(relation, model) if is_full -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [this.incorporate(type="view" if is_published else "table")]}) }}
{%- endmaterialization %}

{% macro get_partition_by() -%}
    {%- set problem = namespace(text=none) -%}
    {%- set given = config.get("partition_by") -%}
    {%- set known = {
        "data_type": {"date": "date", "timestamp": "timestamp without time zone", "integer": "integer"},
        "granularity": {"day": "%Y%m%d", "month": "%Y%m", "quarter": "%Yq", "year": "%Y"},
    } -%}
    {%- if given is not mapping or "field" not in given or "granularity" not in given -%}
        {%- set problem.text = "partition_by must be given as {'field': ..., 'granularity': ...}" -%}
    {%- else -%}
        {%- set by = {"data_type": "date", "starts": none, "statistics_target": 10} -%}
        {%- do by.update(given) -%}
        {%- for option in by if option not in ["field", "data_type", "granularity", "starts", "statistics_target"] -%}
            {%- set problem.text = "partition_by has no option '" ~ option ~ "'" -%}
        {%- endfor -%}
        {%- for option, values in known.items() if by[option] not in values -%}
            {%- set problem.text = option ~ " '" ~ by[option] ~ "' of partition_by must be one of " ~ values | join(", ") -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if problem.text is not none -%}
        {{ exceptions.raise_compiler_error("model '" ~ model["name"] ~ "': " ~ problem.text ~ ".") }}
    {%- endif -%}
    {%- do by.update({
        "type": known["data_type"][by["data_type"]],
        "name_format": known["granularity"][by["granularity"]],
    }) -%}
    {{ return(by) }}
{%- endmacro %}

{#- The lock is of the session, and waits for what a killed build may still be doing on the server. -#}
{% macro prepare_partitions(relation, base) -%}
    do $prepare$
    declare
        leftover regclass;
    begin
        {{ pg_wap.take_advisory_lock(
            "partitioned", relation.schema ~ "." ~ relation.identifier,
            relation.schema ~ "." ~ relation.identifier ~ " is being built by another session", scope=""
        ) | indent(8) }}
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

{#- Of a query with bounds no rows are staged, but its columns are known before the first partition is built. The local settings
    of the header end here: they are for the model's query, and with nested loops off, `touched_by` would read whole tables. dbt-postgres never
    sends a BEGIN (psycopg2 does, once for a connection), so after a COMMIT each call would be a transaction of its own. -#}
{% macro stage_partitions(staged, sql, is_bounded) -%}
    begin;
    {{ config.get("sql_header") or "" }}

    create table {{ staged }} as (
        {{ pg_wap.contracted_query(sql) }}
    ){% if is_bounded %} with no data{% endif %}
    {%- for name in modules.re.findall("(?i)\\bset\\s+local\\s+(\\w+)", config.get("sql_header") or "") | unique %};
    set local {{ name }} to default
    {%- endfor %}
{%- endmacro %}

{#- As one row of JSON: each call from dbt costs milliseconds, so all that is to be known is asked at once. -#}
{% macro describe_partitions(relation, base, staged) -%}
    with
    relations as (
        select
            pg_class.oid,
            pg_class.relkind,
            pg_get_partkeydef(pg_class.oid) as partition_key,
            pg_class.oid = to_regclass('{{ staged.include(database=false) }}') as is_staged
        from pg_class
        where
            pg_class.oid = to_regclass('{{ staged.include(database=false) }}')
            or pg_class.oid = to_regclass('{{ relation.include(database=false) }}')
    ),
    columns as (
        select
            relations.is_staged,
            json_agg(json_build_object(
                'name', attname,
                'column', quote_ident(attname),
                'type', format_type(atttypid, atttypmod),
                'ddl', quote_ident(attname) || ' ' || format_type(atttypid, atttypmod)
                    || case when attcollation <> typcollation then ' collate ' || attcollation::regcollation else '' end
            ) order by attnum) as list,
            json_agg(quote_ident(attname) order by attnum) filter (where attnotnull) as not_null
        from relations
        inner join pg_attribute on relations.oid = attrelid and attnum > 0 and not attisdropped
        inner join pg_type on atttypid = pg_type.oid
        where attrelid = any(array(select oid from relations))
        group by relations.is_staged
    )
    select json_build_object(
        'kind', (select relkind from relations where not is_staged),
        'partition_key', (select partition_key from relations where not is_staged),
        'old_columns', (select list from columns where not is_staged),
        'not_null', (select not_null from columns where not is_staged),
        'new_columns', (select list from columns where is_staged),
        'checks', (
            select json_agg(quote_ident(conname))
            from relations
            inner join pg_constraint on relations.oid = conrelid
            where not is_staged and contype = 'c' and conrelid = any(array(select oid from relations))
        ),
        'partitions', coalesce((
            select json_agg(json_build_object('relation', format('%s.%I', relnamespace::regnamespace, relname), 'name', relname))
            from relations
            inner join pg_inherits on relations.oid = inhparent
            inner join pg_class on inhrelid = pg_class.oid
        ), '[]'),
        'strangers', coalesce((
            select json_agg(relname)
            from pg_class
            where
                relnamespace = to_regnamespace('"{{ base.schema }}"')
                and starts_with(relname, '{{ base.identifier }}_')
                and pg_class.oid not in (select inhrelid from pg_inherits inner join relations on inhparent = relations.oid)
        ), '[]')
    )::text
{%- endmacro %}

{% macro resolve_partition_column(by, state) -%}
    {%- set found = state.new_columns | selectattr("name", "equalto", by.field) | first -%}
    {%- if not found -%}
        {{ exceptions.raise_compiler_error(
            "model '" ~ model["name"] ~ "' has no column '" ~ by.field ~ "', which partition_by names as its field."
        ) }}
    {%- elif found.type != by.type -%}
        {{ exceptions.raise_compiler_error(
            "model '" ~ model["name"] ~ "': column '" ~ by.field ~ "' is of type " ~ found.type ~ ", but partition_by says "
            ~ by.data_type ~ " (data_type)."
        ) }}
    {%- endif -%}
    {{ return(found.column) }}
{%- endmacro %}

{#- Whether the table that is there has the key, the granularity and the columns that are to be built. -#}
{% macro partitions_fit(base, by, state) -%}
    {%- set suffix = {"day": "[0-9]{8}", "month": "[0-9]{6}", "quarter": "[0-9]{4}q[1-4]", "year": "[0-9]{4}"}[by.granularity] -%}
    {%- set fit = namespace(is_given=state.kind == "p" and state.partition_key == "RANGE (" ~ by.column ~ ")") -%}
    {%- for partition in state.partitions if not modules.re.fullmatch(suffix, partition.name[base.identifier | length + 1:]) -%}
        {%- set fit.is_given = false -%}
    {%- endfor -%}
    {{ return(
        fit.is_given and state.old_columns | map(attribute="ddl") | list == state.new_columns | map(attribute="ddl") | list
    ) }}
{%- endmacro %}

{% macro assert_buildable(relation, touched, state, is_new, is_full) -%}
    {%- set name = relation.schema ~ "." ~ relation.identifier -%}
    {%- if is_new and not is_full -%}
        {{ exceptions.raise_compiler_error(
            name ~ " has another key, granularity or other columns than its model: build it with --full-refresh."
        ) }}
    {%- endif -%}
    {%- for partition in touched if partition.name in state.strangers -%}
        {{ exceptions.raise_compiler_error(
            partition.relation.schema ~ "." ~ partition.name ~ " is in the way, as it is no partition of " ~ name
            ~ ": rename or drop it."
        ) }}
    {%- endfor -%}
{%- endmacro %}
