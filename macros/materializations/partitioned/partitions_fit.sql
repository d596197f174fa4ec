{#- Whether the table that is there has the key, the granularity and the columns that are to be built. -#}
{% macro partitions_fit(base, by, state) -%}
    {%- set suffix = {"day": "[0-9]{8}", "month": "[0-9]{6}", "quarter": "[0-9]{4}q[1-4]", "year": "[0-9]{4}"}[by.granularity] -%}
    {%- set fit = namespace(is_given=state.kind == "p" and state.partition_key == "RANGE (" ~ by.column ~ ")") -%}
    {%- for partition in state.partitions if not modules.re.fullmatch(suffix, partition.name[base.identifier | length + 1:]) -%}
        {%- set fit.is_given = false -%}
    {%- endfor -%}
    {{ return(
        fit.is_given and state.old_columns | map(attribute="ddl") | list == state.new_columns | map(attribute="ddl") | list
    ) }}
{%- endmacro %}
