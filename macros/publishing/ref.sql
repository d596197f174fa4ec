{#- Lineage and documentation are of the names that people query; only what is read differs. -#}
{% macro ref() -%}
    {{ return(as_built(builtins.ref(*varargs, **kwargs))) }}
{%- endmacro %}
