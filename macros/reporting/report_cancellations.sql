{% macro report_cancellations() -%}
    {%- if execute and flags.WHICH in ["build", "run"] -%}
        {%- for result in results | selectattr("status", "equalto", "success") -%}
            {%- if result.node.resource_type == "model" and result.node.name == "int_cancellations_matched" -%}
                {%- set found = run_query(
                    "select count(*) filter (where match_type <> 'none'), count(*), "
                    ~ "round(100.0 * count(*) filter (where match_type <> 'none') / nullif(count(*), 0), 1), "
                    ~ "round(100 * coalesce(sum(amount) filter (where match_type <> 'none'), 0) / nullif(sum(amount), 0), 1) "
                    ~ "from " ~ result.node.relation_name
                ).rows[0] -%}
                {%- do log(
                    "Cancellations: " ~ "{:,}".format(found[0] | int) ~ " of " ~ "{:,}".format(found[1] | int)
                    ~ " lines matched to the sale they cancel (" ~ found[2] ~ " %, " ~ found[3] ~ " % of the money)",
                    info=true
                ) if found[1] -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
