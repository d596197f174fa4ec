{#- For checks: the rows of a model that an incremental build touched; all rows in a full build, and of a model without a `check_column`.
    Generic tests get it by themselves.

    All rows that share the `check_column` with a changed row count as touched: a check on the versions of a customer has to see all
    versions of the customer. Of a model of partitions, these are the rows of the touched partitions. -#}
{% macro touched_rows(relation) -%}
    {%- set node = pg_wap.model_of(relation) if execute else none -%}
    {%- if not node or not pg_wap.looks_at_changes_only(node) -%}
        {{ return(relation) }}
    {%- endif -%}
    {{ return(
        "(select * from " ~ relation ~ " where " ~ pg_wap.is_touched(pg_wap.versioned_name(node), node.config.check_column) ~ ") as touched_rows"
    ) }}
{%- endmacro %}

{#- For checks: a condition on a value that a model logs, in whatever relation the value stands.

    Arguments:
        model_name: the model whose changes count.
        expression: SQL of the value.
        column: the logged column to compare with; by default the model's `check_column`. Of partitions, it is not used.
        data_type: `integer` for keys like 20111231 of a date that the model is partitioned by. -#}
{% macro is_touched(model_name, expression, column=none, data_type=none) -%}
    {%- set node = pg_wap.model_named(model_name) if execute else none -%}
    {%- if not node or not pg_wap.looks_at_changes_only(node) -%}
        {{ return("true") }}
    {%- elif node.config.materialized == "incremental_by_key" -%}
        {%- set column = column or node.config.check_column -%}
        {{ return(expression ~ " = any(array(select distinct " ~ column ~ " from " ~ pg_wap.changes_of(model_name) ~ "))") }}
    {%- endif -%}
    {%- set is_key = (data_type or node.config.partition_by.data_type) == "integer" -%}
    {%- set ranges = [] -%}
    {%- for row in run_query(
        "select range_start, range_end from " ~ pg_wap.audit_table("touched_partitions") ~ " where unique_id = '" ~ node.unique_id
        ~ "' group by range_start, range_end order by range_start"
    ).rows -%}
        {%- set bounds = [] -%}
        {%- for bound in row.values() -%}
            {%- do bounds.append(bound.strftime("%Y%m%d") if is_key else "'" ~ bound ~ "'::date") -%}
        {%- endfor -%}
        {%- do ranges.append("(" ~ expression ~ " >= " ~ bounds[0] ~ " and " ~ expression ~ " < " ~ bounds[1] ~ ")") -%}
    {%- endfor -%}
    {{ return("(" ~ ranges | join(" or ") ~ ")" if ranges else "false") }}
{%- endmacro %}

{#- For checks whose query differs: whether the check looks only at what a model changed. -#}
{% macro looks_at_changes_of(model_name) -%}
    {%- set node = pg_wap.model_named(model_name) if execute else none -%}
    {{ return(node is not none and pg_wap.looks_at_changes_only(node)) }}
{%- endmacro %}

{#- The model behind a relation, published or candidate. -#}
{% macro model_of(relation) -%}
    {%- set cache = pg_wap.run_cache() -%}
    {%- if "models_of_relations" not in cache -%}
        {%- set known = {} -%}
        {%- for node in graph.nodes.values() if node.resource_type == "model" -%}
            {%- do known.update({node.schema ~ "." ~ node.alias: node}) -%}
            {%- do known.update({
                pg_wap.candidate_of(pg_wap.relation_of(node)).schema ~ "." ~ node.alias: node
            }) if pg_wap.is_published(node) -%}
        {%- endfor -%}
        {%- do cache.update(models_of_relations=known) -%}
    {%- endif -%}
    {{ return(cache["models_of_relations"].get(relation.schema ~ "." ~ relation.identifier)) }}
{%- endmacro %}

{#- dbt asks for the rows that a generic test looks at. -#}
{% macro postgres__get_where_subquery(relation) -%}
    {%- set rows = pg_wap.touched_rows(pg_wap.candidate_or_published(relation)) -%}
    {%- set where = config.get("where", "") -%}
    {{ return("(select * from " ~ rows ~ " where " ~ where ~ ") as dbt_subquery" if where else rows) }}
{%- endmacro %}

{#- Unit tests ask for the columns of a published model before it is published for the first time. -#}
{% macro postgres__get_columns_in_relation(relation) -%}
    {{ return(dbt.postgres__get_columns_in_relation(pg_wap.candidate_or_published(relation))) }}
{%- endmacro %}
