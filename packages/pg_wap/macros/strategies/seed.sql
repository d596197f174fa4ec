{#- A seed that is as its file and its YAML say is left alone: five seeds take 0.3 s of each build otherwise. The comment of the table says
    what the table was loaded from, so it comes and goes with the table. It does not notice rows that someone edited by hand;
    `--full-refresh` loads them again. dbt's own materialization does the loading. -#}
{% macro load_seed() -%}
    {%- set old_relation = load_cached_relation(this) -%}
    {%- if old_relation and not should_full_refresh() -%}
        {%- call statement("comment", fetch_result=true) -%}
            select obj_description('{{ old_relation }}'::regclass, 'pg_class')
        {%- endcall -%}
        {%- if load_result("comment").data[0][0] == pg_wap.seed_origin() -%}
            {%- do store_result("agate_table", response="OK") -%}
            {%- call noop_statement("main", "UNCHANGED") -%}{%- endcall -%}
            {%- do apply_grants(old_relation, config.get("grants"), should_revoke=true) -%}
            {%- do adapter.commit() -%}
            {{ return({"relations": [old_relation]}) }}
        {%- endif -%}
    {%- endif -%}
    {%- if old_relation -%}
        {%- do adapter.drop_relation(old_relation) -%}
    {%- endif -%}
    {{ return(dbt.materialization_seed_default()) }}
{%- endmacro %}

{#- For the `post-hook` of seeds: it runs in the transaction that loads the seed, so a file that breaks a constraint leaves the old rows. -#}
{% macro constrain_seed() -%}
    {%- if flags.WHICH == "clone" -%}
        {{ return("") }}
    {%- endif -%}
    {%- set clauses = pg_wap.constraint_clauses(model) -%}
    {%- if clauses %}
    alter table {{ this }}
        {{ clauses | join(",\n        ") }};
    {%- endif %}
    comment on table {{ this }} is '{{ escape_single_quotes(pg_wap.seed_origin()) }}';
    analyze {{ this }}
{%- endmacro %}

{% macro seed_origin() -%}
    {%- set made_of = [
        model.checksum.checksum, model.config.column_types, model.config.quote_columns, model.config.indexes,
        pg_wap.constraint_clauses(model),
    ] -%}
    {{ return("Loaded from " ~ model.original_file_path ~ ", state " ~ local_md5(made_of | join("\n"))) }}
{%- endmacro %}
