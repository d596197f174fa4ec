{#- What checks have to look at; and of a full build, that everybody downstream has to follow. -#}
{% macro record_touched_partitions(relation, ranges, is_full) -%}
    {%- if is_full -%}
    {{ record_full_build() }};
    {%- elif ranges -%}
    insert into {{ touched_partitions() }} (unique_id, range_start, range_end)
    values
    {%- for range in ranges %}
    ('{{ model.unique_id }}', '{{ range[0] }}', '{{ range[1] }}'){% if not loop.last %},{% endif %}
    {%- endfor %};
    {%- endif -%}
{%- endmacro %}
