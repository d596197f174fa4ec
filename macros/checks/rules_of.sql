{#- A rule that is misspelt would be no rule, and nobody would miss it: whatever is not as it should be is a compile error. -#}
{% macro rules_of(node) -%}
    {%- set rules = {} -%}
    {%- for owner in [node] + node.columns.values() | list -%}
        {%- for name, rule in (owner.config.meta.get("rules") or {}).items() -%}
            {%- if name in rules or not rule.expression or not rule.why or rule.get("severity", "warn") != "warn"
                or rule.keys() | reject("in", ["expression", "why", "severity", "owner", "threshold"]) | list -%}
                {{ exceptions.raise_compiler_error(
                    "rule '" ~ name ~ "' of '" ~ node.name ~ "' must have a name of its own, an expression, a why, and no"
                    ~ " more than a severity: warn, an owner and a threshold."
                ) }}
            {%- endif -%}
            {%- do rules.update({name: rule}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(rules) }}
{%- endmacro %}
