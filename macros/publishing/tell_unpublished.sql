{% macro tell_unpublished(bad) -%}
    {%- set rows = run_query(
        "select to_char(published_at, 'YYYY-MM-DD HH24:MI:SS TZ') from " ~ publish_log() ~ " order by release_id desc limit 1"
    ).rows -%}
    {%- do log(
        "Not published: " ~ (bad | rejectattr("status", "equalto", "skipped") | list or bad) | map(attribute="node.name") | join(", ")
        ~ " failed. " ~ ("What was published on " ~ rows[0][0] ~ " stays." if rows else "Nothing was published before."), info=true
    ) -%}
{%- endmacro %}
