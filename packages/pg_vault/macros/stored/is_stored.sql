{#- Whether rows of this model are stored. They stay in every build, also in a full one: a vault is only added to. -#}
{% macro is_stored() -%}
    {{ return(execute and load_cached_relation(this) is not none) }}
{%- endmacro %}
