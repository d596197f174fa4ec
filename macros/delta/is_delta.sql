{% macro is_delta() -%}
    {%- if not execute
        or flags.WHICH not in ["build", "run", "snapshot"]
        or model.resource_type not in ["model", "snapshot"]
        or should_full_refresh()
        or load_cached_relation(this) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set known -%}
        select exists (
            select
            from {{ delta_state() }} as mine
            where
                mine.unique_id = '{{ model.unique_id }}'
                and mine.fingerprint = mine.built_fingerprint
                -- what was built anew in full tells nobody what it changed: who reads it has to follow
                and not exists (
                    select
                    from {{ delta_state() }} as upstream
                    where
                        upstream.unique_id = any(mine.ancestors)
                        and upstream.built_in_full_at > coalesce(mine.built_in_full_at, '-infinity')
                )
        )
    {%- endset -%}
    {{ return(run_query(known).columns[0].values()[0]) }}
{%- endmacro %}
