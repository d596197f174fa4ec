{#- Asked of rows that are few, and of any test: a test need not say beforehand whether its rows name rules. -#}
{% macro broken_rules(query) -%}
    {%- set counts -%}
        select
            rules.rule,
            count(*) as failures
        from (
            {{ query }}
        ) as failing
        cross join lateral jsonb_array_elements_text(coalesce(to_jsonb(failing) -> 'broken_rules', '[]')) as rules (rule)
        group by rules.rule
        order by count(*) desc, rules.rule
    {%- endset -%}
    {%- set told = [] -%}
    {%- for rule, failures in run_query(counts).rows -%}
        {%- do told.append(rule ~ " " ~ "{:,}".format(failures | int)) -%}
    {%- endfor -%}
    {{ return(told | join(", ")) }}
{%- endmacro %}
