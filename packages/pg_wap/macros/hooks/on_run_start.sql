{#- The `on-run-start` hook. Order matters: the project is validated before anything is written, and the run is on record before anything
    can fail. `dbt test` writes no model, so it starts faster: it does not look at the whole project. -#}
{% macro on_run_start() -%}
    {%- if execute -%}
        {%- do graph.update(pg_wap={"invocation_id": invocation_id}) -%}
        {%- set writes = flags.WHICH in ["build", "run", "seed", "snapshot"] -%}
        {%- if pg_wap.is_recorded() -%}
            {{ pg_wap.validate_project(graph.nodes.values() if writes else []) }}
            {%- do run_query(pg_wap.create_tables_alone()) if pg_wap.tables_are_old() -%}
            {%- if writes -%}
                {{ pg_wap.wait_for_turn() }}
            {%- else -%}
                {%- call statement("begin_run", auto_begin=false) -%} begin; {{ pg_wap.begin_run() }} commit {%- endcall -%}
            {%- endif -%}
        {%- endif -%}
        {{ pg_wap.record_checks() if flags.WHICH == "build" }}
        {{ pg_wap.record_relations() if flags.WHICH == "build" }}
        {%- if writes -%}
            {%- call statement("begin_build", auto_begin=false) -%}
                begin;
                {{ pg_wap.assert_is_writer() }};
                {{ pg_wap.begin_build() }}
                {{ pg_wap.begin_candidate() if flags.WHICH in ["build", "run"] and pg_wap.published_models() }}
                commit
            {%- endcall -%}
            {{ pg_wap.stage_retired() if flags.WHICH in ["build", "run"] and pg_wap.published_models() }}
            {%- do run_query(pg_wap.analyze_grown_sources()) if flags.WHICH in ["build", "run"] and graph.sources -%}
            {{ pg_wap.warn_of_lost_snapshots() }}
            {%- if flags.WHICH == "build" and env_var("PG_WAP_SKIP_UNTOUCHED", "") == "true" -%}
                {%- do pg_wap.run_cache().update(settled=pg_wap.settled_nodes()) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- Records what each model is made from, so a model whose code is not that of its rows is built in full. -#}
{% macro begin_build() -%}
    {%- set rows = [] -%}
    {%- for unique_id, found in pg_wap.fingerprints().items() -%}
        {%- do rows.append({"unique_id": unique_id, "fingerprint": found.fingerprint, "ancestors": found.ancestors}) -%}
    {%- endfor -%}
    {%- do pg_wap.built_in_full() -%}
    {%- set states = pg_wap.audit_table("model_states") -%}
    {%- set checks = pg_wap.checks_fingerprint() -%}
    create temporary table found_models on commit drop as
    select
        unique_id,
        fingerprint,
        array(select jsonb_array_elements_text(ancestors)) as ancestors
    from jsonb_to_recordset('{{ escape_single_quotes(tojson(rows)) }}') as found (unique_id text, fingerprint text, ancestors jsonb);

    merge into {{ states }} as known
    using found_models as found
        on known.unique_id = found.unique_id
    when matched
        and (known.fingerprint, known.ancestors, known.checks_fingerprint)
        is distinct from (found.fingerprint, found.ancestors, '{{ checks }}') then
        update set
            fingerprint = found.fingerprint,
            ancestors = found.ancestors,
            is_tested = known.is_tested and known.checks_fingerprint = '{{ checks }}',
            checks_fingerprint = '{{ checks }}'
    when not matched then
        insert (unique_id, fingerprint, ancestors, checks_fingerprint)
        values (found.unique_id, found.fingerprint, found.ancestors, '{{ checks }}');

    delete from {{ states }} where unique_id not in (select unique_id from found_models);
{%- endmacro %}

{#- A snapshot holds the only thing that cannot be built again: when the warehouse knew what. -#}
{% macro warn_of_lost_snapshots() -%}
    {%- for snapshot in graph.nodes.values() | selectattr("resource_type", "equalto", "snapshot")
        if snapshot.unique_id in selected_resources
        and not adapter.get_relation(snapshot.database, snapshot.schema, snapshot.alias) -%}
        {%- set readers = [] -%}
        {%- for model in graph.nodes.values() | selectattr("resource_type", "equalto", "model")
            if snapshot.unique_id in model.depends_on.nodes
            and adapter.get_relation(model.database, model.schema, model.alias) -%}
            {%- do readers.append(model.schema ~ "." ~ model.alias) -%}
        {%- endfor -%}
        {%- if readers -%}
            {%- do exceptions.warn(
                snapshot.schema ~ "." ~ snapshot.alias ~ " is missing although " ~ readers | join(" and ")
                ~ " was built from it: it is built again with all versions and their dates, but what was believed before is lost"
                ~ " and system time starts again."
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
