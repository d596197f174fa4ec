{% materialization keyed, adapter="postgres" %}
    {%- set is_candidate = is_published(model) -%}
    {%- set target_relation = served_table(this) if is_candidate else this.incorporate(type="table") -%}
    {%- set touched = config.get("touched") -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if not is_delta() -%}
        {%- set new_relation = make_intermediate_relation(target_relation, "__new") -%}
        {% call statement("main") %}
            {{ keyed_full_sql(new_relation, sql) }}
        {% endcall %}
        {%- if is_candidate -%}
            {%- do run_query(stage_keyed_full(target_relation, new_relation)) -%}
        {%- else -%}
            {%- do persist_docs(new_relation, model) -%}
            {%- do run_query(keyed_swap_sql(target_relation, new_relation)) -%}
        {%- endif -%}
    {%- else -%}
        {%- call statement("touched", fetch_result=true, auto_begin=true) -%}
            {{ keyed_touched_sql(touched) }}
        {%- endcall -%}
        {%- if not load_result("touched").data -%}
            {% call noop_statement("main", "UNTOUCHED") %}{% endcall %}
        {%- else -%}
            {% call statement("main") %}
                {{ keyed_differences_sql(target_relation, sql, touched) }}
                {{ stage_keyed_delta(target_relation) if is_candidate else keyed_delta_sql(target_relation) }}
            {% endcall %}
        {%- endif -%}
    {%- endif -%}

    {%- if not is_candidate -%}
        {%- do apply_grants(target_relation, config.get("grants"), should_revoke=false) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [this.incorporate(type="view" if is_candidate else "table")]}) }}
{% endmaterialization %}
