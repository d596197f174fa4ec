{% macro is_delta() -%}
    {%- if not execute
        or flags.WHICH not in ["build", "run", "snapshot"]
        or model.resource_type not in ["model", "snapshot"]
        or should_full_refresh()
        or load_cached_relation(this) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set state = model_states()[model.unique_id] -%}
    {%- set anew = state.ancestors | select("in", graph["built_in_full"]) | list -%}
    {{ return(state.is_current and not anew) }}
{%- endmacro %}
