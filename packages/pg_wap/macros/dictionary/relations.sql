{#- What the project declares of its published relations is written to `audit.relations` and `audit.relation_keys` when it has changed: a
    view has no keys in PostgreSQL, and no relation has an owner in the project's sense. -#}
{% macro record_relations() -%}
    {%- set relations = pg_wap.declared_relations() -%}
    {%- set fingerprint = local_md5(tojson(relations)) -%}
    {%- set table, keys = pg_wap.audit_table("relations"), pg_wap.audit_table("relation_keys") -%}
    {%- if not run_query("select 1 from " ~ table ~ " where fingerprint = '" ~ fingerprint ~ "' limit 1").rows -%}
        {%- set declared = escape_single_quotes(tojson(relations)) -%}
        {%- call statement("record_relations", auto_begin=false) -%}
            begin;
            lock table {{ table }} in share row exclusive mode;
            delete from {{ table }};
            delete from {{ keys }};
            insert into {{ table }}
            select (jsonb_populate_record(null::{{ table }}, declared || '{"fingerprint": "{{ fingerprint }}"}')).*
            from jsonb_array_elements('{{ declared }}') as relations (declared);
            insert into {{ keys }}
            select (jsonb_populate_record(null::{{ keys }}, declared || jsonb_build_object('relation', relation))).*
            from jsonb_to_recordset('{{ declared }}') as relations (relation text, keys jsonb)
            cross join lateral jsonb_array_elements(keys) as key (declared);
            commit
        {%- endcall -%}
    {%- endif -%}
{%- endmacro %}

{#- Every published relation with its owner and its keys, as the YAML declares them. -#}
{% macro declared_relations() -%}
    {%- set relations = [] -%}
    {%- for node in pg_wap.published_models() -%}
        {%- do relations.append(pg_wap.declared_relation(node)) -%}
    {%- endfor -%}
    {{ return(relations) }}
{%- endmacro %}

{% macro declared_relation(node) -%}
    {{ return({
        "relation": node.schema ~ "." ~ node.alias,
        "owner": node.config.group or node.group,
        "materialized": node.config.materialized,
        "access": (node.config.access or node.access or "protected") | string,
        "keys": pg_wap.declared_keys(node),
    }) }}
{%- endmacro %}

{#- The primary key is that of the contract, else the `unique_key`. A reference to other columns than a primary key is no foreign key in SQL. -#}
{% macro declared_keys(node) -%}
    {%- set keys = [] -%}
    {%- set primary = pg_wap.primary_key_of(node) -%}
    {%- if primary -%}
        {%- do keys.append({"name": (node.alias ~ "_key")[:63], "kind": "primary key", "columns": primary}) -%}
    {%- endif -%}
    {%- for constraint in pg_wap.constraints_of(node) if constraint.type == "foreign_key" -%}
        {%- set to = pg_wap.referenced_model(constraint) -%}
        {%- if to -%}
            {%- do keys.append({
                "name": constraint.name or (node.alias ~ "_has_" ~ constraint.columns | join("_"))[:63],
                "kind": "foreign key" if pg_wap.primary_key_of(to) == constraint.to_columns | list else "reference",
                "columns": constraint.columns,
                "to_relation": to.schema ~ "." ~ to.alias,
                "to_columns": constraint.to_columns | list,
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(keys) }}
{%- endmacro %}

{% macro primary_key_of(node) -%}
    {%- set declared = pg_wap.constraints_of(node) | selectattr("type", "equalto", "primary_key") | list -%}
    {{ return(declared[0].columns if declared else pg_wap.key_columns(node)) }}
{%- endmacro %}

{#- The constraints of a model and of its columns, alike. -#}
{% macro constraints_of(node) -%}
    {%- set constraints = [] -%}
    {%- for constraint in node.get("constraints") or [] -%}
        {%- do constraints.append({
            "type": constraint.type | string,
            "name": constraint.name,
            "columns": constraint.columns | list,
            "to": constraint.to,
            "to_columns": constraint.to_columns or [],
        }) -%}
    {%- endfor -%}
    {%- for column in node.columns.values() -%}
        {%- for constraint in column.constraints -%}
            {%- do constraints.append({
                "type": constraint.type | string,
                "name": constraint.name,
                "columns": [column.name],
                "to": constraint.to,
                "to_columns": constraint.to_columns or [],
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(constraints) }}
{%- endmacro %}
