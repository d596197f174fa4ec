{#- Analysts read what was published; what builds and audits reads what it is about to publish. -#}
{% macro as_built(relation) -%}
    {%- if execute
        and flags.WHICH in ["build", "run", "test"]
        and not relation.is_cte
        and relation.schema == generate_schema_name("gold", none) | trim
        and relation.identifier in published_models() | map(attribute="alias") -%}
        {{ return(candidate_of(relation)) }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}
