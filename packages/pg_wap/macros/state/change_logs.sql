{#- The log lies apart from its model, in the audit schema, where nobody reports from. `orders` is the latest version of a model that has
    versions, as for `ref`, and `orders.v1` a certain one. -#}
{% macro changes_of(model_name) -%}
    {%- set node = pg_wap.model_named(model_name) if execute else none -%}
    {{ return(pg_wap.change_log(node) if node else pg_wap.audit_table(model_name[:54] ~ "__changes")) }}
{%- endmacro %}

{#- Each version of a model has its own log: PostgreSQL cuts names at 63 bytes, so the version is kept whole. -#}
{% macro change_log(node) -%}
    {%- set version = "_v" ~ node.version if node.get("version") is not none else "" -%}
    {{ return(pg_wap.audit_table(node.name[:54 - version | length] ~ version ~ "__changes")) }}
{%- endmacro %}

{#- A temporary table that `incremental_by_key` fills before it runs the model's query. -#}
{% macro touched_keys() -%}
    {{ return(adapter.quote(model.name[:54] ~ "__touched")) }}
{%- endmacro %}

{% macro key_columns(node) -%}
    {%- set given = node.config.get("unique_key") or [] -%}
    {{ return([given] if given is string else given | list) }}
{%- endmacro %}

{#- Only a model that is `incremental_by_key` has a change log. -#}
{% macro logged_columns(node) -%}
    {%- if node.config.materialized != "incremental_by_key" -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set given = node.config.get("logged_columns") -%}
    {{ return(pg_wap.key_columns(node) if given is none else ([given] if given is string else given | list)) }}
{%- endmacro %}

{% macro change_logs() -%}
    {%- set logs = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == "model" -%}
        {%- if node.config.materialized == "incremental_by_key" and pg_wap.logged_columns(node) -%}
            {%- do logs.append(pg_wap.change_log(node)) -%}
        {%- elif node.config.materialized == "incremental_by_partition" and pg_wap.audit_table("touched_partitions") not in logs -%}
            {%- do logs.append(pg_wap.audit_table("touched_partitions")) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(logs) }}
{%- endmacro %}
