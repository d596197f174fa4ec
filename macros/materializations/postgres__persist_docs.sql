{#- dbt's own asks twice which columns there are, each time with a context of all macros, and comments relation and columns apart. -#}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- set comments = [] -%}
    {%- if for_relation and config.persist_relation_docs() and model.description -%}
        {%- do comments.append(alter_relation_comment(relation, model.description)) -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() and model.columns -%}
        {%- set columns = model.columns -%}
        {#- under a contract they are there -#}
        {%- if not config.get("contract").enforced -%}
            {%- set columns = validate_doc_columns(relation, columns, column_names(relation)) -%}
        {%- endif -%}
        {%- for column in columns.values() -%}
            {%- set name = adapter.quote(column.name) if column.quote else column.name -%}
            {%- do comments.append(
                "comment on column " ~ relation ~ "." ~ name ~ " is " ~ postgres_escape_comment(column.description) ~ ";"
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if comments -%}
        {%- do run_query(comments | join("\n")) -%}
    {%- endif -%}
{%- endmacro %}
