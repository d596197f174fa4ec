{#- History is written before the checks have looked at what comes of it: what is not published yet is not known yet. -#}
{% macro known_until() -%}
    (select known_until from {{ publish_log().include(database=false) }} order by release_id desc limit 1)
{%- endmacro %}
