{#- dbt's own materializations, for the root project's wrappers (macros/pg_wap_hooks.sql). Outside the published schema they are dbt's. In
    the published schema, dbt's own statements build the table aside, and the result waits for the release like any other model.

    Nothing is known of what such a model changed, so the models that read it are built in full whenever it comes out different. -#}

{% macro materialize_table() -%}
    {%- if not pg_wap.is_published(model) -%}
        {{ return(dbt.materialization_table_default()) }}
    {%- endif -%}
    {{ return(pg_wap.build_ordinary(is_incremental=false)) }}
{%- endmacro %}

{#- A release does not change until the next one, so a materialized view in it is a table. -#}
{% macro materialize_materialized_view() -%}
    {%- if not pg_wap.is_published(model) -%}
        {{ return(dbt.materialization_materialized_view_default()) }}
    {%- endif -%}
    {{ return(pg_wap.build_ordinary(is_incremental=false)) }}
{%- endmacro %}

{#- `dbt clone` makes a view of each relation of another target, by the materialization `view`. -#}
{% macro materialize_view() -%}
    {%- if not pg_wap.is_published(model) or flags.WHICH == "clone" -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {{ return(pg_wap.build_published_view()) }}
{%- endmacro %}

{% macro materialize_incremental() -%}
    {%- if not pg_wap.is_published(model) -%}
        {{ return(dbt.materialization_incremental_default()) }}
    {%- endif -%}
    {{ return(pg_wap.build_ordinary(is_incremental=true)) }}
{%- endmacro %}

{#- For the root's `is_incremental`: behind a published name stands a view, which dbt takes for no table. -#}
{% macro is_incremental_model() -%}
    {%- if not execute or not pg_wap.is_published(model) -%}
        {{ return(dbt.is_incremental()) }}
    {%- endif -%}
    {{ return(
        model.config.materialized == "incremental"
        and not should_full_refresh()
        and load_relation(pg_wap.stored_table(this)) is not none
    ) }}
{%- endmacro %}

{#- An incremental model starts from a copy of its released rows, so a build that fails leaves nothing behind. All batches of a microbatch
    model go into one table. -#}
{% macro build_ordinary(is_incremental) -%}
    {%- set target_relation = pg_wap.stored_table(this) -%}
    {%- set new_relation = make_intermediate_relation(target_relation, "__new") -%}
    {%- set begun = pg_wap.run_cache().setdefault("batches_begun", []) -%}
    {%- set is_next_batch = model.unique_id in begun -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if not is_next_batch and is_incremental and not should_full_refresh() and load_relation(target_relation) -%}
        {%- do run_query(pg_wap.copy_table(target_relation, new_relation)) -%}
        {% call statement("main") %}{{ pg_wap.add_rows(new_relation, sql) }}{% endcall %}
    {%- elif is_next_batch -%}
        {% call statement("main") %}{{ pg_wap.add_rows(new_relation, sql) }}{% endcall %}
    {%- else -%}
        {% call statement("main") %}
            drop table if exists {{ new_relation }} cascade;
            {{ get_create_table_as_sql(false, new_relation, sql) }}
        {% endcall %}
        {%- do create_indexes(new_relation) -%}
    {%- endif -%}
    {%- if not is_next_batch -%}
        {%- if model.get("batch") is not none or pg_wap.differ(target_relation, new_relation) -%}
            {%- do run_query("analyze " ~ new_relation) -%}
            {%- do run_query(pg_wap.write_change(pg_wap.replace_table(target_relation, new_relation))) -%}
        {%- else -%}
            {%- do run_query("drop table " ~ new_relation) -%}
        {%- endif -%}
        {%- do begun.append(model.unique_id) if model.get("batch") is not none -%}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [this.incorporate(type="view")]}) }}
{%- endmacro %}

{% macro copy_table(relation, new_relation) -%}
    drop table if exists {{ new_relation }} cascade;
    create table {{ new_relation }} (like {{ relation }} including all);
    insert into {{ new_relation }} select * from {{ relation }}
{%- endmacro %}

{#- The steps of dbt's own `incremental`, on another table than the one that readers see. -#}
{% macro add_rows(relation, sql) -%}
    {%- set new_rows = make_temp_relation(relation) -%}
    {%- do run_query(get_create_table_as_sql(true, new_rows, sql)) -%}
    {%- if not config.get("contract").enforced -%}
        {%- do adapter.expand_target_column_types(from_relation=new_rows, to_relation=relation) -%}
    {%- endif -%}
    {%- set on_schema_change = incremental_validate_on_schema_change(config.get("on_schema_change"), default="ignore") -%}
    {%- set columns = process_schema_changes(on_schema_change, new_rows, relation) -%}
    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get("incremental_strategy") or "default") -%}
    {{ return(strategy({
        "target_relation": relation,
        "temp_relation": new_rows,
        "unique_key": config.get("unique_key"),
        "dest_columns": columns or adapter.get_columns_in_relation(relation),
        "incremental_predicates": config.get("predicates", none) or config.get("incremental_predicates", none),
    })) }}
{%- endmacro %}

{#- Whether a table that is built from scratch is another one than before: other code, or other rows. Without this, a build that changes
    nothing would publish a release, and a rollback would lead to the same rows. -#}
{% macro differ(old, new) -%}
    {%- if not pg_wap.is_delta() or not load_relation(old) -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set rows = "(select (count(*), sum(hashtextextended(stored::text, 0)::numeric)) from {} as stored)" -%}
    {{ return(run_query(
        "select " ~ rows.format(old) ~ " is distinct from " ~ rows.format(new)
    ).columns[0].values() | first) }}
{%- endmacro %}
