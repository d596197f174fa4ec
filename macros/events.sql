{#- Events of releases and builds (docs/governance.md). A warehouse that was not migrated yet has no log, and goes without. -#}
{% macro lock_events() -%}
    if to_regprocedure('audit.lock_events()') is not null then
        perform audit.lock_events();
    end if;
{%- endmacro %}

{#- The whole row of the release, so that a change of the row shows: its commit, its checks, its files. -#}
{% macro record_release_event() -%}
    if to_regprocedure('audit.record_event(text, text, jsonb)') is not null then
        -- The times of the event are text, and `make audit` compares them in UTC.
        perform set_config('TimeZone', 'UTC', true);
        perform audit.record_event(
            case last.kind when 'publish' then 'release' else last.kind end, 'release ' || last.release_id, to_jsonb(last)
        )
        from (select * from {{ pg_wap.audit_table("releases") }} order by release_id desc limit 1) as last;
    end if;
{%- endmacro %}

{#- The `on-run-end` hook: who ran which command of dbt, and with which outcome. -#}
{% macro record_build_event(results) -%}
    {%- if execute and flags.WHICH in ["build", "run", "seed", "snapshot"] and target.name in var("pg_wap_protected_targets") -%}
    {%- set statuses = {} -%}
    {%- for result in results -%}
        {%- do statuses.update({result.status | string: statuses.get(result.status | string, 0) + 1}) -%}
    {%- endfor -%}
    {%- set details = {
        "invocation_id": invocation_id, "command": pg_wap.run_command(), "git_commit": env_var("DBT_GIT_COMMIT", ""), "nodes": statuses
    } -%}
    do $event$
    begin
        if to_regprocedure('audit.record_event(text, text, jsonb)') is not null then
            perform audit.record_event('build', '{{ target.name }}', '{{ escape_single_quotes(tojson(details)) }}');
        end if;
    end $event$
    {%- endif -%}
{%- endmacro %}
