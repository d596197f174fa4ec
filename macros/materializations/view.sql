{#- A view that is there, and is of the code that it has now, is passed over in a delta build. -#}
{% materialization view, adapter="postgres" %}
    {%- if not is_delta() -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {%- call noop_statement("main", "UNCHANGED") -%}{%- endcall -%}
    {{ return({"relations": [this.incorporate(type="view")]}) }}
{% endmaterialization %}
