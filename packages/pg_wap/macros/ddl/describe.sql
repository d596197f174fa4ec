{#- Comments and grants belong to the name that people query. -#}
{% macro describe_relation(relation) -%}
    {%- set statements = [] -%}
    {%- if config.persist_relation_docs() and model.description -%}
        {%- do statements.append(alter_relation_comment(relation, model.description)) -%}
    {%- endif -%}
    {%- if config.persist_column_docs() -%}
        {%- for column in model.columns.values() -%}
            {%- set name = adapter.quote(column.name) if column.quote else column.name -%}
            {%- do statements.append(
                "comment on column " ~ relation ~ "." ~ name ~ " is " ~ postgres_escape_comment(column.description)
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do statements.extend(get_dcl_statement_list(relation, config.get("grants") or {}, get_grant_sql)) -%}
    {%- for statement in statements %}
        {{ statement | trim | trim(";") }};
    {%- endfor %}
{%- endmacro %}
