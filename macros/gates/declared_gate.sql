{#- What is misspelt, or left out, is a compile error: nobody would miss it until the gate fails at night. -#}
{% macro declared_gate(gate) -%}
    {%- set problems = [] -%}
    {%- if not (gate.reason or "") | trim -%}
        {%- do problems.append("says nowhere why it matters (description, why, or the first comment of a singular test)") -%}
    {%- endif -%}
    {%- if not gate.owner -%}
        {%- do problems.append("has no owner: give it, or its model, a group of models/_groups.yml") -%}
    {%- elif not graph.groups.values() | selectattr("name", "equalto", gate.owner) | list -%}
        {%- do problems.append("is of the group '" ~ gate.owner ~ "', which is not in models/_groups.yml") -%}
    {%- endif -%}
    {%- if gate.severity not in ["error", "warn"] -%}
        {%- do problems.append("declares no severity: write error or warn") -%}
    {%- endif -%}
    {%- set values = [] -%}
    {%- for name in ([gate.threshold] if gate.threshold is string else gate.threshold or []) -%}
        {%- if var(name, none) is none -%}
            {%- do problems.append("has the threshold '" ~ name ~ "', which is no var of dbt_project.yml") -%}
        {%- endif -%}
        {%- do values.append(name ~ " = " ~ var(name, none)) -%}
    {%- endfor -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error("gate '" ~ gate.name ~ "' " ~ problems | join(", and ") ~ ".") }}
    {%- endif -%}
    {{ return(dict(
        gate,
        states=modules.re.sub("\\s+", " ", gate.states | trim),
        reason=modules.re.sub("\\s+", " ", gate.reason | trim),
        severity={"error": "hard", "warn": "soft"}[gate.severity],
        threshold=values,
        protects=gate.protects | unique | list,
    )) }}
{%- endmacro %}
