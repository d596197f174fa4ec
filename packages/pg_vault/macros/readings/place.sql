{#- What identifies a row of the source: its key and event time and, if it came in a file, its place there. -#}
{% macro place(vault, with_member=true) -%}
    {{ return(
        [vault.key.keys() | first, "applied_at"] + (["file_id", "file_line"] if vault.record_source else [])
        + ([vault.member] if with_member and vault.member else [])
    ) }}
{%- endmacro %}
