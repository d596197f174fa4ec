{% materialization partitioned, adapter="postgres" -%}
    {%- set by = get_partition_by() -%}
    {%- set relation = this.incorporate(type="table") -%}
    {%- set base = partitions_of(relation) -%}
    {%- set staged = base.incorporate(path={"identifier": base.identifier ~ "__staged"}) -%}
    {%- set is_full = not is_delta() -%}
    {%- set is_bounded = "/* partition " in sql -%}

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
    {%- set is_new = not partitions_fit(base, by, state) -%}
    {%- if is_new and not is_full -%}
        {{ exceptions.raise_compiler_error(
            relation ~ " has another key, granularity or other columns than the model; run it with --full-refresh."
        ) }}
    {%- endif -%}

    {%- set partitions = list_partitions(base, by, staged, is_bounded) -%}
    {%- set touched = partitions if is_full else partitions | selectattr("is_touched") | list -%}
    {%- set filled = build_partitions(touched, sql, by, none if is_bounded else staged) -%}
    {%- call statement("drop_staged") -%} drop table {{ staged }} {%- endcall -%}
    {%- do adapter.commit() -%}

    {%- set ranges = [] -%}
    {%- for partition in touched -%}
        {%- do ranges.append([partition.start | string, partition.end | string]) -%}
    {%- endfor -%}
    {%- set change = {
        "is_full": is_full,
        "is_new": is_new,
        "ranges": ranges,
        "built": touched | selectattr("name", "in", filled) | list,
        "empty": touched | rejectattr("name", "in", filled) | list,
        "gone": state.partitions if is_full else
            state.partitions | selectattr("name", "in", touched | map(attribute="name") | list) | list,
    } -%}
    {%- set swap = swap_partitions(relation, by, state, change) -%}
    {%- if touched or is_full -%}
        {%- call statement("swap_partitions") -%} {{ swap }} {%- endcall -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {%- call noop_statement("main", touched | length ~ " PARTITIONS") -%} {{ swap }} {%- endcall -%}

    {%- do apply_grants(relation, config.get("grants"), should_revoke=should_revoke(relation, is_new)) if not is_new -%}
    {%- do persist_docs(relation, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- call statement("commit") -%} commit {%- endcall -%}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [relation]}) }}
{%- endmaterialization %}
