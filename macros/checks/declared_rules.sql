{#- Each is a check of its own to whoever looks after it, although one test checks them all. -#}
{% macro declared_rules(model, check, severity) -%}
    {%- set declared = [] -%}
    {%- set place = model.schema ~ "." ~ model.alias ~ "." -%}
    {%- for name, rule in rules_of(model).items() -%}
        {%- set protects = [] -%}
        {%- for word in modules.re.findall("\\w+", rule.expression) if word in model.columns -%}
            {%- do protects.append(place ~ word) -%}
        {%- endfor -%}
        {%- do declared.append(declared_check({
            "unique_id": check.unique_id,
            "check_name": check.name,
            "name": name,
            "kind": "rule",
            "states": rule.expression,
            "reason": rule.why,
            "owner": rule.owner or check.owner,
            "severity": rule.severity or severity,
            "threshold": rule.threshold,
            "protects": protects,
        })) -%}
    {%- endfor -%}
    {%- for name, reference in references_of(model).items() -%}
        {%- do declared.append(declared_check({
            "unique_id": check.unique_id,
            "check_name": check.name,
            "name": name,
            "kind": "reference",
            "states": reference.column ~ " is in " ~ reference.to.identifier ~ "." ~ reference.to_column,
            "reason": "What refers to a row that is not there is lost in the join.",
            "owner": check.owner,
            "severity": severity,
            "protects": [place ~ reference.column],
        })) -%}
    {%- endfor -%}
    {{ return(declared) }}
{%- endmacro %}
