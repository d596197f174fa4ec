{#- For a program that runs dbt and leaves out what nothing touched (PG_WAP_SKIP_UNTOUCHED=true): the nodes that it may leave out, each with
    the nodes that it needs and the nodes that it shows.

    A node need not run if no node that it needs changed in this run: its code, relation and data are those of the last complete build, and
    a check passed then. It counts as changed if a node that it shows changed, even if it did not run: a view shows what it reads.

    A node that is not listed has to run: its code is new, it reads the clock, a source that changes on its own or a table that dbt does not
    know of, its model has a hook, or its check did not pass. Nothing is listed if the last build is not complete, or anything was touched
    since. -#}
{% macro settled_nodes() -%}
    {%- set settled = {} -%}
    {%- if flags.FULL_REFRESH or pg_wap.limited_by() -%}
        {{ return(settled) }}
    {%- endif -%}
    {%- set found = run_query(pg_wap.settled_state()).rows[0] -%}
    {%- set logs = (found["logs"] or "").split(",") | select | list -%}
    {%- if not found["is_settled"] or (logs and run_query(pg_wap.touched_logs(logs)).rows) -%}
        {{ return(settled) }}
    {%- endif -%}
    {%- set passed = (found["passed"] or "").split(",") -%}
    {%- for node in graph.nodes.values() -%}
        {%- set is_ready = node.unique_id in passed if node.resource_type == "test" else pg_wap.is_as_built(node) -%}
        {%- set needs = pg_wap.needed_by(node) if is_ready -%}
        {%- if is_ready and needs is not none -%}
            {%- do settled.update({node.unique_id: {"needs": needs, "shows": pg_wap.shown_by(node)}}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(settled) }}
{%- endmacro %}

{#- Whether nothing was built in full since the last complete build, the checks that passed then and have not failed since, and the
    change logs. -#}
{% macro settled_state() -%}
    {%- set runs, results = pg_wap.audit_table("runs"), pg_wap.audit_table("node_results") -%}
    with

    last_build as (

        select
            invocation_id,
            started_at
        from {{ runs }}
        where status = 'success' and command like 'dbt build%'
        order by started_at desc
        limit 1

    ),

    passed as (

        select node_results.unique_id
        from {{ results }} as node_results
        inner join last_build on node_results.invocation_id = last_build.invocation_id
        where node_results.resource_type = 'test' and node_results.status = 'pass'

        except

        select node_results.unique_id
        from {{ results }} as node_results
        inner join {{ runs }} as later_runs on node_results.invocation_id = later_runs.invocation_id
        inner join last_build on later_runs.started_at > last_build.started_at
        where node_results.status <> 'pass'

    )

    select
        case when bool_and(is_tested) then (select string_agg(unique_id, ',') from passed) end as passed,
        coalesce(bool_and(coalesce(built_in_full_at, '-infinity') <= succeeded_at), false) as is_settled,
        -- a model that was never built has no log
        (
            select string_agg(pg_class.oid::regclass::text, ',')
            from pg_class
            where pg_class.oid = any(array[
                {%- for log in pg_wap.change_logs() %}
                to_regclass('{{ log.include(database=false) }}'){{ "," if not loop.last }}
                {%- endfor %}
            ]::regclass[])
        ) as logs
    from {{ pg_wap.audit_table("model_states") }}
{%- endmacro %}

{#- A row if anything was touched since the last complete build. -#}
{% macro touched_logs(logs) -%}
    {%- for log in logs %}
    (select 1 from {{ log }} limit 1)
    {%- if not loop.last %}
    union all
    {%- endif -%}
    {%- endfor %}
{%- endmacro %}

{% macro is_as_built(node) -%}
    {%- set state = pg_wap.model_states().get(node.unique_id) -%}
    {{ return(state and state.is_current and load_cached_relation(pg_wap.relation_of(node)) is not none) }}
{%- endmacro %}

{#- The nodes whose change makes a node run, by their ids; none if it has to run in any case. -#}
{% macro needed_by(node) -%}
    {%- if node.resource_type == "seed" or (node.resource_type == "model" and node.config.materialized == "stable_view") -%}
        {#- Only its code makes it another one. -#}
        {{ return([]) }}
    {%- elif pg_wap.reads_the_clock(node) or pg_wap.reads_the_unknown(node) -%}
        {{ return(none) }}
    {%- elif node.resource_type == "model" and (
        node.config.get("pre_hook") or node.config.get("post_hook") or node.config.get("pre-hook") or node.config.get("post-hook")
        or node.config.materialized not in ["incremental_by_key", "incremental_by_partition", "published_view", "table"]
    ) -%}
        {{ return(none) }}
    {%- elif node.resource_type == "test" and node.depends_on.nodes | select("in", graph.sources) | list -%}
        {#- Nothing else would notice rows of a source that went without a trace. -#}
        {{ return(none) }}
    {%- endif -%}
    {{ return(pg_wap.changing_with(node)) }}
{%- endmacro %}

{#- A table shows its own rows, whatever became of the rows that it was built from. -#}
{% macro shown_by(node) -%}
    {%- if node.resource_type == "model" and node.config.materialized in ["stable_view", "published_view", "view"] -%}
        {{ return(["the clock"] if pg_wap.is_own(node) or pg_wap.reads_the_clock(node) else pg_wap.changing_with(node)) }}
    {%- endif -%}
    {{ return([]) }}
{%- endmacro %}

{#- What a node reads. A source whose rows change only when those of a model do says so by `meta: changes_with:`. -#}
{% macro changing_with(node) -%}
    {%- set read = [] -%}
    {%- for unique_id in node.depends_on.nodes -%}
        {%- set source = graph.sources.get(unique_id) -%}
        {%- set model_name = source.config.meta.get("changes_with") if source -%}
        {%- set changing = pg_wap.model_named(model_name) if model_name -%}
        {%- do read.append(changing.unique_id if changing else unique_id) -%}
    {%- endfor -%}
    {{ return(read | unique | list) }}
{%- endmacro %}

{#- Whether the node names a table without `ref` or `source`: `from raw.orders`. -#}
{% macro reads_the_unknown(node) -%}
    {%- set texts = [node.raw_code or ""] + pg_wap.macros_used(node.depends_on.macros) -%}
    {%- set without_columns = modules.re.sub("(?i)(extract\\s*\\(\\s*\\w+|distinct)\\s+from", "", texts | join("\n")) -%}
    {{ return(modules.re.search('(?i)\\b(from|join)\\s+("[^"]+"|\\w+)\\s*\\.\\s*("|[a-z_])', without_columns) is not none) }}
{%- endmacro %}

{#- Whether the result depends on when the node runs, by the words of its code. -#}
{% macro reads_the_clock(node) -%}
    {%- set texts = [node.raw_code or ""] + pg_wap.macros_used(node.depends_on.macros) -%}
    {%- set attached = graph.nodes[node.attached_node] if node.get("attached_node") in graph.nodes else {"columns": {}} -%}
    {%- for owner in [attached] + attached.columns.values() | list -%}
        {#- where rules stand -#}
        {%- do texts.append((owner.get("config") or {}).get("meta") | string) -%}
    {%- endfor -%}
    {{ return(modules.re.search(
        "(?i)\\b(current_(date|time|timestamp)|local(time|timestamp)|now\\(|(clock|statement|transaction)_timestamp|timeofday"
        ~ "|age\\(|random\\(|run_started_at|modules\\.datetime)", texts | join("\n")
    ) is not none) }}
{%- endmacro %}
