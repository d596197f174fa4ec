{% macro contracted_query(sql) -%}
    {%- if config.get("contract").enforced -%}
    select
        {%- for column in model["columns"].values() %}
        {%- set name = adapter.quote(column["name"]) if column["quote"] else column["name"] %}
        {{ name }}::{{ column["data_type"] }} as {{ name }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from (
        {{ sql }}
    ) as contracted
    {%- else -%}
    {{ sql }}
    {%- endif -%}
{%- endmacro %}

{#- A foreign key checks each row by a trigger, which costs more than the table: `row_rules` checks all references in one scan. -#}
{% macro constraint_clauses(model) -%}
    {%- set clauses = [] -%}
    {%- for column in model["columns"].values() -%}
        {%- set name = adapter.quote(column["name"]) if column["quote"] else column["name"] -%}
        {%- for constraint in column["constraints"] -%}
            {%- set expression = constraint.get("expression") or "" -%}
            {%- if constraint["type"] == "not_null" -%}
                {%- do clauses.append("alter column " ~ name ~ " set not null") -%}
            {%- elif constraint["type"] == "check" -%}
                {%- do clauses.append("add check (" ~ expression ~ ")") -%}
            {%- elif constraint["type"] in ["primary_key", "unique"] -%}
                {%- do clauses.append("add " ~ constraint["type"].replace("_", " ") ~ " (" ~ name ~ ") " ~ expression) -%}
            {%- elif constraint["type"] != "foreign_key" -%}
                {{ exceptions.raise_compiler_error(
                    "model '" ~ model["name"] ~ "', column '" ~ column["name"] ~ "': a constraint of type "
                    ~ constraint["type"] ~ " is not for a column; give it to the model under constraints."
                ) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for constraint in adapter.render_raw_model_constraints(raw_constraints=model.get("constraints", [])) -%}
        {%- do clauses.append("add " ~ constraint) -%}
    {%- endfor -%}
    {{ return(clauses) }}
{%- endmacro %}
