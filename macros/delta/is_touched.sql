{#- In a full build, and wherever a check has not looked at everything that is there, everything is touched. -#}
{% macro is_touched(model_name, expression, column=none, data_type=none) -%}
    {%- set node = graph.nodes.values() | selectattr("name", "equalto", model_name) | selectattr("resource_type", "equalto", "model")
        | first if execute else none -%}
    {%- if not node or not checks_may_look_at_changes_only(node) -%}
        {{ return("true") }}
    {%- elif node.config.incremental_strategy == "keyed" -%}
        {%- set column = column or node.config.changes[0] -%}
        {{ return(expression ~ " = any(array(select distinct " ~ column ~ " from " ~ changes_of(model_name) ~ "))") }}
    {%- endif -%}
    {%- set is_key = (data_type or node.config.partition_by.data_type) == "integer" -%}
    {%- set ranges = [] -%}
    {%- for row in run_query(
        "select range_start, range_end from " ~ touched_partitions() ~ " where unique_id = '" ~ node.unique_id
        ~ "' group by range_start, range_end order by range_start"
    ).rows -%}
        {%- set bounds = [] -%}
        {%- for bound in row.values() -%}
            {%- do bounds.append(bound.strftime("%Y%m%d") if is_key else "'" ~ bound ~ "'::date") -%}
        {%- endfor -%}
        {%- do ranges.append("(" ~ expression ~ " >= " ~ bounds[0] ~ " and " ~ expression ~ " < " ~ bounds[1] ~ ")") -%}
    {%- endfor -%}
    {{ return("(" ~ ranges | join(" or ") ~ ")" if ranges else "false") }}
{%- endmacro %}

