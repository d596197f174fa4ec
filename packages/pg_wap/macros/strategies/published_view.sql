{#- A view of the published schema: cheaper to compute for each reader than to keep. -#}
{% materialization published_view, adapter="postgres" %}
    {{ return(pg_wap.build_published_view()) }}
{% endmaterialization %}

{% macro build_published_view() -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if config.get("contract").enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    {% call statement("main") %}
        {%- if pg_wap.is_delta() -%}
        {#- It follows whatever the relations below it show: only another definition has to be published. -#}
        drop view if exists {{ pg_wap.candidate_of(this) }};
        create view {{ pg_wap.candidate_of(this) }} as {{ pg_wap.contracted_query(sql) }}
        {%- else -%}
        {{ pg_wap.write_change(pg_wap.replace_view_definition(sql)) }}
        {%- endif -%}
    {% endcall %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [this.incorporate(type="view")]}) }}
{%- endmacro %}

{#- The candidate's view reads the candidate, and the published view reads what readers see. The rollback needs the definition that the
    release replaces. A table that had the view's name is kept for a rollback. -#}
{% macro replace_view_definition(sql) -%}
    {%- set view = this.include(database=false) -%}
    {%- set previous = make_intermediate_relation(pg_wap.stored_table(this), "__previous").include(database=false) -%}
    {%- set keep_old -%}
        update {{ pg_wap.audit_table("rollback_steps") }}
        set rollback_published_by = case
            when to_regclass('{{ pg_wap.stored_table(this).include(database=false) }}') is not null then '{{ previous }}'
            else coalesce('(' || rtrim(pg_get_viewdef(to_regclass(view)), ';') || ') as previous', rollback_published_by)
        end
        where unique_id = '{{ model.unique_id }}';
    {%- endset -%}
    {{ return({
        "is_full": true,
        "rows": pg_wap.contracted_query(sql),
        "stored": view,
        "prepare_sql": keep_old,
        "swap_sql": "alter table if exists " ~ pg_wap.stored_table(this).include(database=false) ~ " rename to "
            ~ adapter.quote(make_intermediate_relation(this, "__previous").identifier) ~ ";",
        "published_by": "(" ~ pg_wap.contracted_query(pg_wap.published_text()) ~ "\n) as published",
        "rollback": {
            "swap_sql": "alter table if exists " ~ previous ~ " rename to " ~ adapter.quote(this.identifier) ~ ";",
        },
    }) }}
{%- endmacro %}
