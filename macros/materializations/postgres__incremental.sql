{#- dbt knows the constraints of a contract only of tables and incremental models, so ours are strategies of the latter. -#}
{% materialization incremental, adapter="postgres" %}
    {%- set strategy = config.get("incremental_strategy") -%}
    {%- if strategy == "keyed" -%}
        {{ return(materialization_keyed_postgres()) }}
    {%- elif strategy == "partitioned" -%}
        {{ return(materialization_partitioned_postgres()) }}
    {%- elif strategy == "derived" -%}
        {{ return(materialization_derived_postgres()) }}
    {%- else -%}
        {{ return(dbt.materialization_incremental_default()) }}
    {%- endif -%}
{% endmaterialization %}
