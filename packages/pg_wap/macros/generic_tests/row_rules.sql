{#- One scan checks all rules of a model: on five million rows, twelve rules took 3.5 s as tests of their own, and 0.7 s as one.
    References are checked by their distinct keys, which a second scan groups for all of them: for eight rules and five references of a
    million rows this takes 1.9 s of CPU. Five joins of each row to what it refers to took 2.7 s.
    `stored_columns` keeps the other columns of failing rows out of the audit schema. `model` is the relation here; in the context it is this test. dbt knows nothing of the model while it parses. -#}
{% test row_rules(model, stored_columns=none) %}

{{ config(error_if="> 0 and bool_or(is_error)") }}
{%- set node = graph.nodes[context.model.attached_node] if execute else {"columns": {}, "config": {"meta": {}}} -%}
{#- Read twice. A table is cheaper to read again than to copy; a view may be expensive to compute again. -#}
{%- set is_view = "view" in (node.config.materialized or "") -%}
{%- set rules, references = pg_wap.rules_of(node), pg_wap.references_of(node) -%}
{%- set conditions, errors = {}, [] -%}
{%- for name, rule in rules.items() -%}
    {%- do conditions.update({name: "(" ~ rule.expression | trim ~ ") is not true"}) -%}
    {%- do errors.append(name) if rule.severity != "warn" -%}
{%- endfor -%}
{%- for name, reference in references.items() -%}
    {%- do conditions.update({
        name: reference.column ~ " in (select key_" ~ loop.index ~ " from missing_" ~ loop.index ~ ")"
    }) -%}
    {%- do errors.append(name) -%}
{%- endfor %}
{%- if execute and not conditions -%}
    {{ exceptions.raise_compiler_error("model '" ~ node.name ~ "' has neither rules nor references: add one, or remove row_rules.") }}
{%- endif %}

with

given as {% if not is_view %}not materialized {% endif %}(

    select * from {{ model }}

),
{%- if references %}

keys as materialized (

    -- One column of each row is a key, the others are null.
    select
        {%- for reference in references.values() %}
        {{ reference.column }} as key_{{ loop.index }}{{ "," if not loop.last }}
        {%- endfor %}
    from given
    group by grouping sets (
        {%- for reference in references.values() %}({{ reference.column }}){{ ", " if not loop.last }}{% endfor -%}
    )

),
{%- endif %}
{%- for reference in references.values() %}

missing_{{ loop.index }} as materialized (

    select key_{{ loop.index }}
    from keys
    where
        key_{{ loop.index }} is not null
        and not exists (
            select from {{ reference.to }} as referenced where referenced.{{ reference.to_column }} = keys.key_{{ loop.index }}
        )

),
{%- endfor %}

checked as (

    select
        array_remove(
            array[
                {%- for name, condition in conditions.items() %}
                case when {{ condition }} then '{{ name }}' end{% if not loop.last %},{% endif %}
                {%- endfor %}
            ]::text[],
            null
        ) as broken_rules,
        {% for column in stored_columns or ["*"] -%}
        given.{{ column }}{{ "," if not loop.last }}
        {% endfor -%}
    from given
    where
        {%- for condition in conditions.values() %}
        {% if not loop.first %}or {% endif %}{{ condition }}
        {%- endfor %}

)

select
    *,
    broken_rules && array['{{ errors | join("', '") }}'] as is_error
from checked

{% endtest %}
