{#- What is misspelt, or left out, is a compile error: nobody would miss it until the gate fails at night. -#}
{% macro declared_gate(name, states, reason, owner, severity, threshold, protects) -%}
    {%- set problems = [] -%}
    {%- if not (reason or "") | trim -%}
        {%- do problems.append("says nowhere why it matters (description, why, or the first comment of a singular test)") -%}
    {%- endif -%}
    {%- if not owner -%}
        {%- do problems.append("has no owner: give it, or its model, a group of models/_groups.yml") -%}
    {%- elif not graph.groups.values() | selectattr("name", "equalto", owner) | list -%}
        {%- do problems.append("is of the group '" ~ owner ~ "', which is not in models/_groups.yml") -%}
    {%- endif -%}
    {%- if severity not in ["error", "warn"] -%}
        {%- do problems.append("declares no severity: write error or warn") -%}
    {%- endif -%}
    {%- if threshold is string or threshold is mapping -%}
        {%- do problems.append("must name its thresholds as a list of vars") -%}
    {%- else -%}
        {%- for each in threshold if var(each, none) is none -%}
            {%- do problems.append("has the threshold '" ~ each ~ "', which is no var of dbt_project.yml") -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error("gate '" ~ name ~ "' " ~ problems | join(", and ") ~ ".") }}
    {%- endif -%}
    {%- set values = [] -%}
    {%- for each in threshold -%}
        {%- do values.append(each ~ " = " ~ var(each)) -%}
    {%- endfor -%}
    {{ return({
        "name": name,
        "states": modules.re.sub("\\s+", " ", states | trim),
        "reason": modules.re.sub("\\s+", " ", reason | trim),
        "owner": owner,
        "severity": {"error": "hard", "warn": "soft"}[severity],
        "threshold": values,
        "protects": protects | unique | list,
    }) }}
{%- endmacro %}
