{#- What is cheaper to compute when it is asked for than to keep: a view of gold, on relations of gold, under contract as all of it. -#}
{% materialization derived, adapter="postgres" %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if config.get("contract").enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    {% call statement("main") %}
        {{ stage_derived(contracted_query(sql)) }}
    {% endcall %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [this.incorporate(type="view")]}) }}
{% endmaterialization %}
