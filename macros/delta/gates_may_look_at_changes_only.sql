{#- Only while a delta build runs, only where the last build's gates have looked at everything, and not where the model has been made
    anew since then. -#}
{% macro gates_may_look_at_changes_only(node) -%}
    {%- if flags.WHICH != "build" or flags.FULL_REFRESH or not node.config.get("incremental_strategy") -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set known -%}
        select exists (
            select
            from {{ delta_state() }}
            where
                unique_id = '{{ node.unique_id }}'
                and fingerprint = built_fingerprint
                and is_tested
                and coalesce(built_in_full_at, '-infinity') <= succeeded_at
        )
    {%- endset -%}
    {{ return(run_query(known).rows[0].values()[0]) }}
{%- endmacro %}
