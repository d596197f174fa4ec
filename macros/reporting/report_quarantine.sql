{% macro report_quarantine() -%}
    {%- if execute and flags.WHICH in ["build", "run"] -%}
        {%- set built = results | selectattr("node.unique_id", "equalto", "model.retail_warehouse.int_lines_quarantined")
            | selectattr("status", "equalto", "success") | list -%}
        {%- if built -%}
            {%- set quarantined = run_query("select count(*) from " ~ built[0].node.relation_name).columns[0][0] -%}
            {%- do log("Quarantine: " ~ quarantined ~ " lines set aside, see " ~ built[0].node.relation_name, info=true) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
