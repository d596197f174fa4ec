{#- dbt's own macro takes the time of day of the session's zone, which is another one wherever a build is run from. -#}
{% macro postgres__snapshot_get_time() -%}
    (now() at time zone 'utc')
{%- endmacro %}
