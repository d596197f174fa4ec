{#- The release that a rollback takes back: the last one, if there is one before it and its tables are still there. -#}
{% macro release_to_roll_back() -%}
    {%- set found = run_query(
        "select last.release_id, before_last.release_id, (select count(*) from " ~ rollback_steps() ~ ")"
        ~ " from " ~ publish_log() ~ " as last left join " ~ publish_log() ~ " as before_last"
        ~ " on before_last.release_id < last.release_id"
        ~ " order by last.release_id desc, before_last.release_id desc nulls last limit 1"
    ).rows if load_relation(publish_log()) else [] -%}
    {%- set problem = namespace(text=none) -%}
    {%- if not found -%}
        {%- set problem.text = "gold was not published yet" -%}
    {%- elif not found[0][2] -%}
        {%- set problem.text = "the state before the one that is served is not kept" -%}
    {%- elif not found[0][1] -%}
        {%- set problem.text = "what is served is the first that was published" -%}
    {%- endif -%}
    {%- if problem.text -%}
        {{ exceptions.raise_compiler_error("there is nothing to go back to: " ~ problem.text ~ "; nothing was changed.") }}
    {%- endif -%}
    {{ return({"taken_back": found[0][0], "served_again": found[0][1]}) }}
{%- endmacro %}
