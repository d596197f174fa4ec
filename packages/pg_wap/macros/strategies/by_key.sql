{#- A table that is built from the keys that something upstream touched. In a full build, a new table takes the place of the old one. In an
    incremental build, the rows of the touched keys are computed and compared, and only rows that differ are written and logged. -#}
{% materialization incremental_by_key, adapter="postgres" %}
    {%- set target_relation = pg_wap.stored_table(this) -%}
    {%- set touched_by = config.get("touched_by") -%}
    {%- set is_delta = pg_wap.is_delta() -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if not is_delta -%}
        {%- set new_relation = make_intermediate_relation(target_relation, "__new") -%}
        {% call statement("main") %}
            {{ pg_wap.build_by_key(new_relation, sql) }}
        {% endcall %}
        {%- do persist_docs(new_relation, model) if not pg_wap.is_published(model) -%}
        {%- do run_query(pg_wap.write_change(pg_wap.replace_table(target_relation, new_relation))) -%}
    {%- else -%}
        {%- set lookup = {"columns": []} -%}
        {%- if touched_by is not none -%}
            {%- call statement("touched", fetch_result=true) -%}
                {{ pg_wap.create_touched_keys(touched_by) }}
            {%- endcall -%}
            {%- set touched = load_result("touched") -%}
            {%- set names = touched.table.column_names | list -%}
            {%- do lookup.update(
                is_empty=not touched.data,
                names=names,
                columns=names | select("in", pg_wap.key_columns(model)) | list or names,
            ) -%}
        {%- endif -%}
        {%- if lookup.get("is_empty") -%}
            {% call noop_statement("main", "UNTOUCHED") %}{% endcall %}
        {%- else -%}
            {% call statement("main") %}
                {{ pg_wap.compare_by_key(target_relation, sql, lookup) }}
                {{ pg_wap.write_change(pg_wap.change_rows(target_relation)) }}
            {% endcall %}
        {%- endif -%}
        {#- A hook may have touched rows as well. -#}
        {%- if pg_wap.logged_columns(model) and (pre_hooks or not lookup.get("is_empty")) -%}
            {%- set wrote = run_query("select 1 from " ~ pg_wap.change_log(model) ~ " limit 1").rows | length -%}
            {%- set message = "UNCHANGED" if not wrote else "CHANGED BY A HOOK" if lookup.get("is_empty") -%}
            {%- do store_raw_result("main", message=message, code=none, rows_affected=none, agate_table=none) if message -%}
        {%- endif -%}
    {%- endif -%}

    {%- if not pg_wap.is_published(model) -%}
        {%- do apply_grants(target_relation, config.get("grants"), should_revoke=false) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [this.incorporate(type="view" if pg_wap.is_published(model) else "table")]}) }}
{% endmaterialization %}

{#- The whole table, built beside the one that is read meanwhile.

    Rows that come later go to the end of the table, not into gaps. Without the fillfactor, some of a day's 2,500 rows would go into each of
    a hundred ranges of a BRIN index, which would then find a tenth of ten million rows for that day. -#}
{% macro build_by_key(new_relation, sql) -%}
    drop table if exists {{ new_relation }};
    {{ pg_wap.create_table_from_query(new_relation, sql) }}
    {%- if pg_wap.is_published(model) %}
    {#- Rows of a release are removed by their keys, and no key with a null would be found. -#}
    {%- for column in pg_wap.key_columns(model) %}
    alter table {{ new_relation }} alter column {{ column }} set not null;
    {%- endfor %}
    {%- endif %}
    {%- for index in config.get("indexes", []) %}
    {{ pg_wap.create_index_sql(new_relation, index) }};
    {%- endfor %}
    {%- if config.get("indexes", []) | selectattr("type", "equalto", "brin") | list %}
    alter table {{ new_relation }} set (fillfactor = 95);
    {%- endif %}
    {{ pg_wap.analyze_by_key(new_relation) }}
{%- endmacro %}

{#- Data or a query: the keys to be looked at again, by the names of the model's columns. A key with a null matches no row. -#}
{% macro touched_query(touched_by) -%}
    {%- if touched_by is string -%}
    {{ render(touched_by) }}
    {%- else -%}
        {%- for model_name, given in touched_by.items() %}
    select
            {%- if given is mapping %}
                {%- for name, expression in given.items() %}
        {{ expression }} as {{ name }}{% if not loop.last %},{% endif %}
                {%- endfor %}
            {%- else %}
        {{ given if given is string else given | join(", ") }}
            {%- endif %}
    from {{ pg_wap.changes_of(model_name) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- Returns one row if anything is touched. With an empty mapping, nothing ever is. -#}
{% macro create_touched_keys(touched_by) -%}
    {%- if touched_by is mapping and not touched_by -%}
    select limit 0
    {%- else -%}
    create temporary table {{ pg_wap.touched_keys() }} on commit drop as
    select distinct *
    from (
        {{ pg_wap.touched_query(touched_by) }}
    ) as keys
    where keys is not null;

    analyze {{ pg_wap.touched_keys() }};

    select * from {{ pg_wap.touched_keys() }} limit 1
    {%- endif -%}
{%- endmacro %}

{#- The rows of the touched keys as they should be, and the rows that are there, each with whether it has to go: because the key has no such
    row any more, or because the row differs. Both tables have the same columns in the same order, so rows compare as wholes. -#}
{% macro compare_by_key(target_relation, sql, lookup) -%}
    {%- set row_key = pg_wap.key_columns(model) -%}
    {%- set new_rows = adapter.quote(model.name[:58] ~ "__new") -%}
    {%- set old_rows = adapter.quote(model.name[:58] ~ "__old") -%}

    create temporary table {{ new_rows }} on commit drop as
    {{ pg_wap.contracted_query(sql) }};

    analyze {{ new_rows }};

    create temporary table {{ old_rows }} on commit drop as
    select
        old_rows.ctid as old_ctid,
        {%- for column in (row_key + pg_wap.logged_columns(model)) | unique %}
        old_rows.{{ column }},
        {%- endfor %}
        row(old_rows.*) is distinct from row(new_rows.*) as is_gone
    from {{ target_relation }} as old_rows
    {%- if lookup.columns %}
    inner join
        {%- if lookup.columns | length == lookup.names | length %}
        {{ pg_wap.touched_keys() }} as touched_keys
        {%- else %}
        (select distinct {{ lookup.columns | join(", ") }} from {{ pg_wap.touched_keys() }}) as touched_keys
        {%- endif %}
        on
            {%- for column in lookup.columns %}
            {% if not loop.first %}and {% endif %}old_rows.{{ column }} = touched_keys.{{ column }}
            {%- endfor %}
    {%- endif %}
    left join {{ new_rows }} as new_rows
        on
            {%- for column in row_key %}
            {% if not loop.first %}and {% endif %}old_rows.{{ column }} = new_rows.{{ column }}
            {%- endfor %};

    analyze {{ old_rows }};
{%- endmacro %}

{#- The change of an incremental build: rows to go and rows to come. What comes after this model reads the log now, so the rows are logged
    now. Rows of a release wait in two tables until they are published, and stay for a rollback; other rows are written at once.

    The candidate's view has its condition around the union, not inside: only then can a query that joins the view look rows up by an index.
    With the condition inside, the planner reads the whole table for each query (PostgreSQL: is_safe_append_member). -#}
{% macro change_rows(target_relation) -%}
    {%- set is_published = pg_wap.is_published(model) -%}
    {%- set keys = pg_wap.key_columns(model) | join(", ") -%}
    {%- set logged = pg_wap.logged_columns(model) | join(", ") -%}
    {%- set table = target_relation.include(database=false) -%}
    {%- set new_rows = adapter.quote(model.name[:58] ~ "__new") -%}
    {%- set old_rows = adapter.quote(model.name[:58] ~ "__old") -%}
    {%- set tables = {} -%}
    {%- for name in ["added", "gone", "previous_added", "previous_gone"] -%}
        {%- set apart = make_intermediate_relation(target_relation, "__" ~ name) -%}
        {%- do tables.update({name: apart.include(database=false) if is_published else adapter.quote(model.name[:54] ~ "__" ~ name)}) -%}
    {%- endfor -%}
    {%- set compute -%}
        {%- if is_published %}
        create table {{ tables.gone }} as
        select stored.*
        from {{ table }} as stored
        where ctid = any(array(select old_ctid from {{ old_rows }} where is_gone));

        create table {{ tables.added }} (like {{ table }} including constraints including indexes);
        {%- else %}
        create temporary table {{ tables.added }} (like {{ table }}) on commit drop;
        {%- endif %}

        insert into {{ tables.added }}
        select new_rows.*
        from {{ new_rows }} as new_rows
        left join {{ old_rows }} as old_rows
            on
                not old_rows.is_gone
                {%- for column in pg_wap.key_columns(model) %}
                and new_rows.{{ column }} = old_rows.{{ column }}
                {%- endfor %}
        where old_rows.old_ctid is null;
        {%- if logged %}

        insert into {{ pg_wap.change_log(model) }}
        select {{ logged }} from {{ tables.added }}
        union
        select {{ logged }} from {{ old_rows }} where is_gone;
        {%- endif %}
        {%- if is_published %}

        analyze {{ tables.added }}, {{ tables.gone }};
        {%- endif %}
    {%- endset -%}
    {%- if not is_published -%}
        {{ return({
            "compute": compute,
            "prepare_sql": "delete from " ~ table ~ " where ctid = any(array(select old_ctid from " ~ old_rows ~ " where is_gone));\n"
                ~ "insert into " ~ table ~ " select * from " ~ tables.added ~ ";",
            "after_sql": pg_wap.analyze_by_key(target_relation, tables.added),
        }) }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for name in pg_wap.column_names(target_relation) -%}
        {%- do columns.append(adapter.quote(name)) -%}
    {%- endfor -%}
    {%- set rows -%}
        select {{ columns | join(", ") }}
        from (
            select
                *,
                false as is_new_row
            from {{ table }}
            union all
            select
                *,
                true as is_new_row
            from {{ tables.added }}
        ) as candidate_rows
        where is_new_row or ({{ keys }}) not in (select {{ keys }} from {{ tables.gone }})
    {%- endset -%}
    {%- set prepare -%}
        delete from {{ table }} where ({{ keys }}) in (select {{ keys }} from {{ tables.gone }});
        insert into {{ table }} select * from {{ tables.added }};
        alter table {{ tables.gone }} rename to {{ adapter.quote(target_relation.identifier ~ "__previous_gone") }};
        alter table {{ tables.added }} rename to {{ adapter.quote(target_relation.identifier ~ "__previous_added") }};
    {%- endset -%}
    {%- set take_back -%}
        delete from {{ table }} where ({{ keys }}) in (select {{ keys }} from {{ tables.previous_added }});
        insert into {{ table }} select * from {{ tables.previous_gone }};
        drop table {{ tables.previous_added }}, {{ tables.previous_gone }};
    {%- endset -%}
    {{ return({
        "compute": compute,
        "rows": rows,
        "only_if": "exists (select from " ~ tables.added ~ ") or exists (select from " ~ tables.gone ~ ")",
        "otherwise": "drop table " ~ tables.added ~ ", " ~ tables.gone ~ ";",
        "prepare_sql": prepare,
        "after_sql": pg_wap.analyze_by_key(target_relation, tables.previous_added),
        "compared": {"before": tables.gone | string, "after": tables.added | string},
        "rollback": {"prepare_sql": take_back},
    }) }}
{%- endmacro %}

{#- The change of a full build: the new table takes the place of the old one, which a release keeps for a rollback. The change log starts
    empty with the new table: whatever reads it is built in full after this. -#}
{% macro replace_table(target_relation, new_relation) -%}
    {%- set log = pg_wap.change_log(model).include(database=false) -%}
    {%- set logged = pg_wap.logged_columns(model) | join(", ") -%}
    {%- set table = target_relation.include(database=false) -%}
    {%- set new_table = new_relation.include(database=false) -%}
    {%- set previous = make_intermediate_relation(target_relation, "__previous") -%}
    {%- set empty_log -%}
        drop table if exists {{ log }};
        {%- if logged %}
        create table {{ log }} as select {{ logged }} from {{ new_table }} limit 0;
        {%- endif %}
    {%- endset -%}
    {%- set swap -%}
        alter table if exists {{ table }} rename to {{ adapter.quote(previous.identifier) }};
        alter table {{ new_table }} rename to {{ adapter.quote(target_relation.identifier) }};
    {%- endset -%}
    {%- set swap_back -%}
        drop table {{ table }};
        alter table if exists {{ previous.include(database=false) }} rename to {{ adapter.quote(target_relation.identifier) }};
    {%- endset -%}
    {{ return({
        "is_full": true,
        "rows": "select * from " ~ new_table,
        "prepare_sql": empty_log,
        "published_by": new_table,
        "swap_sql": swap,
        "previous": previous,
        "rollback": {"published_by": previous.include(database=false), "swap_sql": swap_back},
    }) }}
{%- endmacro %}
