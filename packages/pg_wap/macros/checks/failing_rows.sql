{#- The rows that a check found, in a table of the audit schema that has its name; a check that passes leaves no table. dbt's own test
    materialization stays as it is: it asks once, and only rows that are there are written. Runs while the change logs are still there, since
    the query of a check may read them. -#}
{% macro store_failing_rows(results) -%}
    {%- set found = {"broken": [], "sound": []} -%}
    {%- for result in results if result.node.resource_type == "test" -%}
        {%- if result.status in ["fail", "warn"] and result.node.compiled_code -%}
            {%- do found.broken.append(result) -%}
        {%- elif result.status == "pass" -%}
            {%- do found.sound.append(result.node.alias) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if found.sound -%}
        {%- do run_query(pg_wap.drop_failing_rows(found.sound)) -%}
    {%- endif -%}
    {%- for result in found.broken -%}
        {%- set place = pg_wap.failing_rows_of(result.node) -%}
        {%- set query = get_limit_subquery_sql(result.node.compiled_code, result.node.config.limit) -%}
        {%- call statement("store_failing_rows", auto_begin=false) -%}
            begin;
            {%- if place.is_ours %}
            drop table if exists {{ place.table }};
            create table {{ place.table }} as {{ query }};
            {%- endif %}
            {{ pg_wap.record_broken_rules(result.node.name, place.table or "(" ~ query ~ ")") }};
            commit
        {%- endcall -%}
        {{ pg_wap.report_broken_rules(result.node, place.table) }}
    {%- endfor -%}
{%- endmacro %}

{#- dbt keeps the rows of a check with `store_failures`, where it does for any project. With `store_failures: false`, no rows are kept. -#}
{% macro failing_rows_of(node) -%}
    {%- set is_kept = node.config.store_failures -%}
    {%- if is_kept or (is_kept is none and flags.STORE_FAILURES) -%}
        {{ return({"is_ours": false, "table": pg_wap.relation_of(node)}) }}
    {%- endif -%}
    {{ return({"is_ours": is_kept is none, "table": pg_wap.audit_table(node.alias) if is_kept is none else none}) }}
{%- endmacro %}

{% macro drop_failing_rows(names) -%}
    do $drop$
    declare
        found regclass;
    begin
        for found in
            select pg_class.oid
            from pg_class
            where
                relnamespace = to_regnamespace('{{ pg_wap.schema_of("audit") }}')
                and relkind = 'r'
                and relname = any(array['{{ names | join("', '") }}'])
        loop
            execute 'drop table ' || found || ' cascade';
        end loop;
    end $drop$
{%- endmacro %}

{#- Rows of `row_rules` name the rules that they break. Rows of other checks have no such column. -#}
{% macro record_broken_rules(check_name, table) -%}
    insert into {{ pg_wap.audit_table("broken_rules") }} (invocation_id, check_name, rule, failures)
    select
        '{{ invocation_id }}',
        '{{ check_name }}',
        rules.rule,
        count(*)
    from {{ table }} as failing
    cross join lateral jsonb_array_elements_text(coalesce(to_jsonb(failing) -> 'broken_rules', '[]')) as rules (rule)
    group by rules.rule
    on conflict do nothing
{%- endmacro %}

{% macro report_broken_rules(check, table) -%}
    {%- set counts = [] -%}
    {%- for rule, failures in run_query(
        "select rule, failures from " ~ pg_wap.audit_table("broken_rules") ~ " where invocation_id = '" ~ invocation_id
        ~ "' and check_name = '" ~ check.name ~ "' order by failures desc, rule"
    ).rows -%}
        {%- do counts.append(rule ~ " " ~ "{:,}".format(failures | int)) -%}
    {%- endfor -%}
    {%- set place = "See " ~ table.schema ~ "." ~ table.identifier if table else check.name -%}
    {%- do log(place ~ (": " ~ counts | join(", ") if counts else ""), info=true) if table or counts -%}
{%- endmacro %}
