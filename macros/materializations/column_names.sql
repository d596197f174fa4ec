{% macro column_names(relation) -%}
    {%- set existing -%}
        select attname
        from pg_attribute
        where attrelid = '{{ relation }}'::regclass and attnum > 0 and not attisdropped
        order by attnum
    {%- endset -%}
    {{ return(run_query(existing).columns[0].values()) }}
{%- endmacro %}
