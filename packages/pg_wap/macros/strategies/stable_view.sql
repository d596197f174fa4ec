{#- A view that an incremental build leaves alone while its code and that of its ancestors is unchanged, so the views of others on it stay.
    It is made by dbt's own materialization, and recorded like a table that was built in full. -#}
{% materialization stable_view, adapter="postgres" %}
    {%- if pg_wap.is_published(model) -%}
        {{ return(pg_wap.build_published_view()) }}
    {%- endif -%}
    {%- if not pg_wap.is_delta() -%}
        {%- do run_query(pg_wap.record_full_build()) if "built_in_full" in pg_wap.run_cache() -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {%- call noop_statement("main", "UNCHANGED") -%}{%- endcall -%}
    {{ return({"relations": [this.incorporate(type="view")]}) }}
{% endmaterialization %}
