{#- dbt's own asks some ten times which columns the query, the snapshot and the rows of this time have. In a delta build the code is that
    by which the snapshot was built last, so they are those of the snapshot. -#}
{% materialization snapshot, adapter="postgres" %}
    {%- if not is_delta() -%}
        {{ return(dbt.materialization_snapshot_default()) }}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- set staging_relation = make_temp_relation(target_relation) -%}
    {%- set strategy_of = strategy_dispatch(config.get("strategy")) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set strategy = strategy_of(model, "snapshotted_data", "source_data", model["config"], true) -%}
    {%- set columns = [] -%}
    {%- for name in column_names(target_relation) -%}
        {%- do columns.append(adapter.quote(name)) -%}
    {%- endfor -%}
    {% call statement("main") %}
        {{ create_table_as(True, staging_relation, snapshot_staging_table(strategy, sql, target_relation)) }}
        {{ snapshot_merge_sql(target_relation, staging_relation, columns) }}
    {% endcall %}

    {%- do apply_grants(target_relation, config.get("grants"), should_revoke=should_revoke(true, full_refresh_mode=false)) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}
