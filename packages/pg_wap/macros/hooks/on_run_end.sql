{#- The `on-run-end` hook. A run that another hook stopped before `on_run_start` has no record to complete. -#}
{% macro on_run_end(results) -%}
    {%- if pg_wap.is_recorded() and pg_wap.run_cache().get("invocation_id") == invocation_id -%}
        {%- do run_query(pg_wap.record_run(results)) -%}
        {{ pg_wap.store_failing_rows(results) }}
        {{ pg_wap.end_build(results) if flags.WHICH in ["build", "run", "test"] }}
        {{ pg_wap.profile_what_was_published() if flags.WHICH == "build" }}
        {{ pg_wap.drop_old_views() }}
        {{ pg_wap.end_run(results) }}
    {%- endif -%}
{%- endmacro %}

{#- The next build starts from a build that was complete and succeeded, and what passed all checks is published. After any other run, all
    that it touched is touched again. -#}
{% macro end_build(results) -%}
    {%- set outcome = {"bad": [], "passed": [], "warned": [], "ran": [], "checks": []} -%}
    {%- set needed = [] -%}
    {%- for result in pg_wap.failures_of(results) if not pg_wap.is_own(result.node) -%}
        {%- do outcome.bad.append(result) -%}
    {%- endfor -%}
    {%- for result in results -%}
        {%- do outcome.ran.append(result.node.unique_id) -%}
        {%- if result.node.resource_type == "test" -%}
            {%- do outcome.checks.append(result.node) -%}
            {%- if result.status in ["pass", "warn"] -%}
                {%- do outcome["passed" if result.status == "pass" else "warned"].append(result.node.name) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values() if node.resource_type in ["model", "seed", "snapshot"] and not pg_wap.is_own(node) -%}
        {%- do needed.append(node.unique_id) -%}
    {%- endfor -%}
    {%- set is_complete = not outcome.bad and not needed | reject("in", outcome.ran) | list -%}
    {{ pg_wap.reset_unbuilt_views(results) if is_complete }}
    {{ pg_wap.audit_candidate(outcome, is_complete) }}
{%- endmacro %}
