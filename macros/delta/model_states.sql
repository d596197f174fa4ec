{#- What the last builds left of each model, asked once for all of them: nobody but this build changes it meanwhile, and what it
    builds in full is noted beside (`record_full_build`). Both are kept in dbt's `graph`, which all threads of a build share. -#}
{% macro model_states() -%}
    {%- if "model_states" not in graph -%}
        {%- set known -%}
            select
                mine.unique_id,
                array_to_string(mine.ancestors, ',') as ancestors,
                -- what was built anew in full tells nobody what it changed: who reads it has to follow
                coalesce(mine.fingerprint = mine.built_fingerprint, false) and not exists (
                    select
                    from {{ delta_state() }} as upstream
                    where
                        upstream.unique_id = any(mine.ancestors)
                        and upstream.built_in_full_at > coalesce(mine.built_in_full_at, '-infinity')
                ) as is_current,
                coalesce(
                    mine.fingerprint = mine.built_fingerprint
                    and mine.is_tested
                    and coalesce(mine.built_in_full_at, '-infinity') <= mine.succeeded_at,
                    false
                ) as is_tested
            from {{ delta_state() }} as mine
        {%- endset -%}
        {%- set states = {} -%}
        {%- for unique_id, ancestors, is_current, is_tested in run_query(known).rows -%}
            {%- do states.update({unique_id: {
                "ancestors": (ancestors or "").split(","), "is_current": is_current, "is_tested": is_tested
            }}) -%}
        {%- endfor -%}
        {%- do graph.update(model_states=states) -%}
    {%- endif -%}
    {{ return(graph["model_states"]) }}
{%- endmacro %}
