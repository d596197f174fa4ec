{#- The candidate's view reads what the candidate has. The one that is published reads the views of gold, so it follows whatever these are
    made to show, and only another definition has to be published. A table of that name from before is kept for a rollback. -#}
{% macro stage_derived(query) -%}
    {%- set view = this.include(database=false) -%}
    {%- set table = served_table(this).include(database=false) -%}
    {%- set previous = make_intermediate_relation(served_table(this), "__previous").include(database=false) -%}
    {%- set published = namespace(query=query) -%}
    {%- for parent in published_models() if parent.unique_id in model.depends_on.nodes -%}
        {%- set relation = api.Relation.create(database=parent.database, schema=parent.schema, identifier=parent.alias) -%}
        {%- set published.query = published.query | replace(
            candidate_of(relation) | string, relation.include(database=false) | string
        ) -%}
    {%- endfor -%}
    {%- set keep_old -%}
        alter table if exists {{ table }} rename to {{ adapter.quote(previous.identifier) }};
        update {{ rollback_steps() }}
        set rollback_served_by = coalesce(
            '(' || rtrim(pg_get_viewdef(to_regclass(view)), ';') || ') as derived', rollback_served_by
        )
        where unique_id = '{{ model.unique_id }}';
    {%- endset -%}
    {%- if is_delta() -%}
    drop view if exists {{ candidate_of(this) }};
    create view {{ candidate_of(this) }} as {{ query }}
    {%- else -%}
    {{ stage_candidate(
        rows=query,
        is_full=true,
        publish={"served": view, "served_by": "(" ~ published.query ~ ") as derived", "before_locks": keep_old},
        rollback={
            "under_locks": "alter table if exists " ~ previous ~ " rename to " ~ adapter.quote(this.identifier) ~ ";",
        },
    ) }}
    {%- endif -%}
{%- endmacro %}
