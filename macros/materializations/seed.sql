{#- A seed that is as its file and its YAML say is passed over. The comment of the table says from what it was loaded, so it comes and
    goes with it; rows that somebody has edited by hand it does not know of, `--full-refresh` loads them anew. -#}
{% materialization seed, adapter="postgres" %}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- set old_relation = load_cached_relation(this) -%}
    {%- set origin = seed_origin(model) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if old_relation and not should_full_refresh() -%}
        {%- call statement("comment", fetch_result=True) -%}
            select obj_description('{{ old_relation }}'::regclass, 'pg_class')
        {%- endcall -%}
        {%- set is_unchanged = load_result("comment")["data"][0][0] == origin -%}
    {%- endif -%}
    {%- if is_unchanged -%}
        {%- do store_result("agate_table", response="OK") -%}
        {%- call noop_statement("main", "UNCHANGED") -%}{%- endcall -%}
    {%- else -%}
        {%- set agate_table = load_agate_table() -%}
        {%- do store_result("agate_table", response="OK", agate_table=agate_table) -%}
        {%- if old_relation -%}
            {%- call statement() -%}{{ get_drop_sql(old_relation) }}{%- endcall -%}
        {%- endif -%}
        {%- set statements = [create_csv_table(model, agate_table)] -%}
        {%- if agate_table.rows -%}
            {%- do statements.append(load_csv_rows(model, agate_table)) -%}
        {%- endif -%}
        {%- set clauses = constraint_clauses(model) -%}
        {%- call statement() %}
            {%- if clauses %}
            alter table {{ target_relation }}
                {{ clauses | join(",\n                ") }};
            {%- endif %}
            comment on table {{ target_relation }} is '{{ origin }}';
            analyze {{ target_relation }}
        {%- endcall -%}
        {%- do create_indexes(target_relation) -%}
        {%- set loaded = agate_table.rows | length -%}
        {%- call noop_statement("main", "INSERT " ~ loaded, "INSERT", loaded) -%}
            {{ statements | join(";\n") }}
        {%- endcall -%}
        {%- do persist_docs(target_relation, model, for_relation=false) -%}
    {%- endif -%}

    {%- do apply_grants(target_relation, config.get("grants"), should_revoke=is_unchanged) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}
