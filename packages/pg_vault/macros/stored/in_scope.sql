{#- The condition on what an incremental build looks at again: a column of the source, and one of the stored rows. Of a
    source without that column, such as a seed, all rows are read. -#}
{% macro in_scope(side, source=none) -%}
    {%- set touched = model.config.meta.vault.get("touched", {}) -%}
    {%- set is_known = source is none or touched.source in (pg_vault.node_of(source).columns or {}) -%}
    {{ return(pg_wap.only_touched(touched[side], after="and") if touched and is_known else "") }}
{%- endmacro %}
