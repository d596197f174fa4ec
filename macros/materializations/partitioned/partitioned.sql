{% materialization partitioned, adapter="postgres" -%}
    {%- set by = get_partition_by() -%}
    {%- set is_candidate = is_published(model) -%}
    {%- set relation = served_table(this) if is_candidate else this.incorporate(type="table") -%}
    {%- set base = partitions_of(this) -%}
    {%- set staged = base.incorporate(path={"identifier": base.identifier ~ "__staged"}) -%}
    {%- set is_bounded = "/* partition " in sql -%}
    {%- set decisions = {"is_full": not is_delta()} -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- call statement("prepare_partitions") -%} {{ prepare_partitions(relation, base) }} {%- endcall -%}
    {%- do adapter.commit() -%}

    {%- if config.get("contract").enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    {%- call statement("stage_partitions", fetch_result=true) -%}
        {{ stage_partitions(staged, sql, is_bounded) }};
        {{ describe_partitions(relation, base, staged) }}
    {%- endcall -%}
    {%- set state = fromjson(load_result("stage_partitions").table.rows[0][0]) -%}
    {%- do by.update({"column": resolve_partition_column(by, state)}) -%}
    {%- do decisions.update({"is_new": not partitions_fit(base, by, state)}) -%}
    {%- set listed = list_partitions(base, by, staged, is_bounded) -%}
    {%- set touched = listed if decisions.is_full else listed | selectattr("is_touched") | list -%}
    {{ assert_buildable(relation, touched, state, decisions) }}

    {%- set filled = build_partitions(touched, sql, by, none if is_bounded else staged) -%}
    {#- Written out before any reader has to wait. -#}
    {%- call statement("drop_staged") -%} drop table {{ staged }} {%- endcall -%}
    {%- do adapter.commit() -%}

    {%- set change = plan_swap(touched, filled, state, decisions) -%}
    {%- if is_candidate -%}
        {%- set swap = stage_partitioned(relation, by, state, change) if touched or decisions.is_full else "begin" -%}
        {%- call statement("stage_candidate") -%} {{ swap }} {%- endcall -%}
    {%- elif touched or decisions.is_full -%}
        {%- set swap = swap_partitions(relation, by, state, change) -%}
        {%- call statement("swap_partitions", auto_begin=false) -%} {{ swap }} {%- endcall -%}
    {%- endif -%}
    {%- call noop_statement("main", touched | length ~ " PARTITIONS") -%} {{ swap }} {%- endcall -%}

    {%- if not is_candidate -%}
        {%- call statement("analyze_partitioned") -%} begin; {{ analyze_partitioned(relation) }} {%- endcall -%}
        {%- do apply_grants(relation, config.get("grants"), should_revoke=should_revoke(relation, decisions.is_new)) -%}
        {%- do persist_docs(relation, model) if decisions.is_full -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [this.incorporate(type="view" if is_candidate else "table")]}) }}
{%- endmaterialization %}
