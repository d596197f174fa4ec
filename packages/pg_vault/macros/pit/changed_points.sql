{#- A late row can leave stored rows behind it that change nothing any more. A point without a change is left out. -#}
{% macro changed_points(vault, names) -%}
    described as (
        select pointers.*
            {%- for name in names %}, {{ name }}.hash_diff as {{ name }}_hash_diff{% endfor %},
            row({{ names | join(".hash_diff, ") }}.hash_diff)::text as said
        from pointers
        {%- for name in names %}
        left join {{ name }}
            on pointers.{{ vault.key }} = {{ name }}.{{ vault.key }}
            and pointers.{{ name }}_applied_at = {{ name }}.applied_at
        {%- endfor %}
    ),

    compared as (
        select *, lag(said) over (partition by {{ vault.key }} order by applied_at) as said_before
        from described
    )

    select {{ vault.key }}, applied_at as holds_from,
        lead(applied_at, 1, 'infinity') over (partition by {{ vault.key }} order by applied_at) as holds_to
        {%- for name in names %}, {{ name }}_applied_at, {{ name }}_hash_diff{% endfor %}
    from compared
    where said is distinct from said_before
{%- endmacro %}
