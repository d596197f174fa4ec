{#- A partition must have each check constraint of its parent by the same name, so those without a name get one. What an index
    enforces is for each partition: its name would be taken by the first. -#}
{% macro partition_constraints() -%}
    {%- set shared, own = [], [] -%}
    {%- set clauses = constraint_clauses(model) if config.get("contract").enforced else [] -%}
    {%- for clause in clauses -%}
        {%- if clause.startswith("alter column") or modules.re.match("add constraint \\S+ check", clause) -%}
            {%- do shared.append(clause) -%}
        {%- elif clause.startswith("add check") -%}
            {%- do shared.append("add constraint rule_" ~ local_md5(clause)[:8] ~ clause[3:]) -%}
        {%- else -%}
            {%- do own.append(modules.re.sub("^add constraint \\S+ (primary key|unique|exclude)", "add \\1", clause)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return({"shared": shared, "own": own}) }}
{%- endmacro %}
