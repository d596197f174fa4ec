{#- What is misspelt, or left out, is a compile error: nobody would miss it until the check fails at night. -#}
{% macro declared_check(check) -%}
    {%- set problems = [] -%}
    {%- if not (check.reason or "") | trim -%}
        {%- do problems.append("says nowhere why it matters (description, why, or the first comment of a singular test)") -%}
    {%- endif -%}
    {%- if not check.owner -%}
        {%- do problems.append("has no owner: give it, or its model, a group of models/_groups.yml") -%}
    {%- elif not graph.groups.values() | selectattr("name", "equalto", check.owner) | list -%}
        {%- do problems.append("is of the group '" ~ check.owner ~ "', which is not in models/_groups.yml") -%}
    {%- endif -%}
    {%- if check.severity not in ["error", "warn"] -%}
        {%- do problems.append("declares no severity: write error or warn") -%}
    {%- endif -%}
    {%- set values = [] -%}
    {%- for name in ([check.threshold] if check.threshold is string else check.threshold or []) -%}
        {%- if var(name, none) is none -%}
            {%- do problems.append("has the threshold '" ~ name ~ "', which is no var of dbt_project.yml") -%}
        {%- endif -%}
        {%- do values.append(name ~ " = " ~ var(name, none)) -%}
    {%- endfor -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error("check '" ~ check.name ~ "' " ~ problems | join(", and ") ~ ".") }}
    {%- endif -%}
    {{ return(dict(
        check,
        states=modules.re.sub("\\s+", " ", check.states | trim),
        reason=modules.re.sub("\\s+", " ", check.reason | trim),
        severity={"error": "hard", "warn": "soft"}[check.severity],
        threshold=values,
        protects=check.protects | unique | list,
    )) }}
{%- endmacro %}
