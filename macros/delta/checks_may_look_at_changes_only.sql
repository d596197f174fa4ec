{#- Only while a delta build runs, only where the last build's checks have looked at everything, and not where the model has been made
    anew since then. -#}
{% macro checks_may_look_at_changes_only(node) -%}
    {%- if flags.WHICH != "build" or flags.FULL_REFRESH or not node.config.get("incremental_strategy") -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(model_states()[node.unique_id].is_tested and node.unique_id not in graph["built_in_full"]) }}
{%- endmacro %}
