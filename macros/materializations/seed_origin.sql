{% macro seed_origin(model) -%}
    {%- set made_of = [
        model.checksum.checksum, model.config.column_types, model.config.quote_columns, model.config.indexes, constraint_clauses(model)
    ] -%}
    Loaded from {{ model.original_file_path }}, state {{ local_md5(made_of | join("\n")) }}
{%- endmacro %}
