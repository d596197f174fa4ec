{#- Of names that are too long, PostgreSQL would cut off what tells partitions apart; 44 bytes leave room for
    `_20111231__detached`. -#}
{% macro partitions_of(relation) -%}
    {%- set schema = relation.schema ~ "_partitions" -%}
    {%- set base = relation.identifier -%}
    {%- if schema.encode() | length > 63 -%}
        {%- set schema = schema.encode()[:43].decode("utf-8", "ignore") ~ "_" ~ local_md5(schema)[:8] ~ "_partitions" -%}
    {%- endif -%}
    {%- if base.encode() | length > 44 -%}
        {%- set base = base.encode()[:35].decode("utf-8", "ignore") ~ "_" ~ local_md5(base)[:8] -%}
    {%- endif -%}
    {{ return(api.Relation.create(database=relation.database, schema=schema, identifier=base, type="table")) }}
{%- endmacro %}
