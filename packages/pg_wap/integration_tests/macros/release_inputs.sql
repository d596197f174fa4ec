{#- A release is made from deliveries; a project without this macro has releases from unknown inputs. -#}
{% macro postgres__release_inputs() -%}
    select
        count(distinct delivery) as files,
        max(delivery) as last_file_id,
        null::timestamptz as last_landed_at
    from raw.order_lines
{%- endmacro %}
