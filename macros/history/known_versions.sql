{% macro known_versions(snapshot, durable_key, attributes, known_at=none, more="") -%}
    select
        {{ durable_key }},
        {% for attribute in attributes -%}
        {{ attribute }},
        {% endfor -%}
        valid_from,
        lead(valid_from, 1, {{ end_of_time() }}) over (partition by {{ durable_key }} order by valid_from) as valid_to
    from {{ snapshot }}
    where
        {%- if known_at is none %}
        dbt_valid_to is null
        {%- else %}
        dbt_valid_from <= {{ known_at }}
        and (dbt_valid_to is null or dbt_valid_to > {{ known_at }})
        {%- endif %}
        {{ more }}
{%- endmacro %}
