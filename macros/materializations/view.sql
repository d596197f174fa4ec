{#- A view that is there, and is of the code that it has now, is passed over in a delta build. One on models is made anew with them, and
    once: when that was is noted, as of a table. -#}
{% materialization view, adapter="postgres" %}
    {%- if not is_delta() -%}
        {#- where `begin_build` was called -#}
        {%- do run_query(record_full_build()) if "built_in_full" in graph -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {%- call noop_statement("main", "UNCHANGED") -%}{%- endcall -%}
    {{ return({"relations": [this.incorporate(type="view")]}) }}
{% endmaterialization %}
