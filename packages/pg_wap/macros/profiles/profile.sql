{#- A run-operation: records how the columns of the present release look, one scan for each relation. Each relation is a transaction of its
    own, so a release waits for one scan at most. -#}
{% macro profile() -%}
    {%- do run_query(pg_wap.create_tables()) if load_relation(pg_wap.audit_table("runs")) -%}
    {%- set releases = pg_wap.audit_table("releases") -%}
    {%- set release = run_query("select max(release_id) from " ~ releases).columns[0].values() | first if load_relation(releases) else none -%}
    {%- if not release -%}
        {{ exceptions.raise_compiler_error("there is no release to profile: run `dbt build` first. Nothing changed.") }}
    {%- endif -%}
    {%- set began = modules.datetime.datetime.now() -%}
    {%- set estimated, relations, columns = [], [], [] -%}
    {%- for node in pg_wap.published_models() -%}
        {%- set relation = pg_wap.relation_of(node).incorporate(type="view") -%}
        {%- set found = pg_wap.columns_to_profile(relation) -%}
        {%- if found -%}
            {%- set method = pg_wap.profile_method(relation) -%}
            {%- call statement("profile", auto_begin=false) -%}
                {{ pg_wap.profile_sql(relation, found, method, release) }}
            {%- endcall -%}
            {%- do relations.append(relation) -%}
            {%- do columns.extend(found) -%}
            {%- do estimated.append(relation.identifier) if method != "exact" -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do run_query(pg_wap.drop_old_profiles_sql()) -%}
    {%- do log(
        "Profiled " ~ columns | length ~ " columns of " ~ relations | length ~ " relations of release " ~ release ~ " in "
        ~ "%.1f" % (modules.datetime.datetime.now() - began).total_seconds() ~ " s"
        ~ (", with estimates for " ~ estimated | join(", ") if estimated else "") ~ ".", info=true
    ) -%}
    {{ pg_wap.report_drift() }}
{%- endmacro %}

{#- At the end of a build that published, if the project asks for it: nobody has to remember the operation. -#}
{% macro profile_what_was_published() -%}
    {%- if pg_wap.setting("profile_in_build") -%}
        {%- set published = run_query(
            "select 1 from " ~ pg_wap.audit_table("runs")
            ~ " where invocation_id = '" ~ invocation_id ~ "' and release_id is not null"
        ).rows -%}
        {{ pg_wap.profile() if published }}
    {%- endif -%}
{%- endmacro %}

{#- The columns of a published view, each with the kind that decides what can be said of it: `number` has a mean, `time` has an order,
    `text` has a length. Of any other type, the text is profiled, because not each type can be compared. -#}
{% macro columns_to_profile(relation) -%}
    {%- set query -%}
        select
            pg_attribute.attname as name,
            format_type(pg_attribute.atttypid, pg_attribute.atttypmod) as data_type,
            case
                when basic.typname in ('int2', 'int4', 'int8', 'numeric', 'float4', 'float8') then 'number'
                when basic.typname in ('date', 'timestamp', 'timestamptz', 'time', 'interval') then 'time'
                when basic.typname = 'bool' then 'boolean'
                when basic.typcategory = 'S' then 'text'
                else 'other'
            end as kind
        from pg_attribute
        inner join pg_class on pg_attribute.attrelid = pg_class.oid
        inner join pg_type as declared on pg_attribute.atttypid = declared.oid
        inner join pg_type as basic on coalesce(nullif(declared.typbasetype, 0), declared.oid) = basic.oid
        where
            pg_attribute.attrelid = to_regclass('{{ relation.include(database=false) }}')
            and pg_class.relkind = 'v'
            and pg_attribute.attnum > 0
            and not pg_attribute.attisdropped
        order by pg_attribute.attnum
    {%- endset -%}
    {%- set columns = [] -%}
    {%- for row in run_query(query).rows -%}
        {%- set name = adapter.quote(row["name"]) -%}
        {%- do columns.append({
            "position": loop.index,
            "name": row["name"],
            "quoted": name,
            "type": row["data_type"],
            "kind": row["kind"],
            "compared": name ~ "::text" if row["kind"] == "other" else name,
            "number": {"number": name ~ "::numeric", "time": "extract(epoch from " ~ name ~ ")"}.get(row["kind"]),
        }) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{#- `exact` up to a number of rows, as the planner estimates it, and otherwise statistics: of the `stored` table behind the view, or of a
    `copy` of the rows of a view that computes them. -#}
{% macro profile_method(relation) -%}
    {%- set plan = run_query("explain select * from " ~ relation).columns[0].values() | first -%}
    {%- if modules.re.search("rows=(\\d+)", plan).group(1) | int <= pg_wap.setting("profile_exact_rows") -%}
        {{ return("exact") }}
    {%- endif -%}
    {%- set stored = pg_wap.stored_table(relation).include(database=false) -%}
    {{ return("stored" if run_query("select to_regclass('" ~ stored ~ "')").columns[0].values() | first else "copy") }}
{%- endmacro %}

{% macro profile_sql(relation, columns, method, release) -%}
    {%- set profiles = pg_wap.audit_table("column_profiles") -%}
    {%- set name = relation.schema ~ "." ~ relation.identifier -%}
    {%- set copy = api.Relation.create(identifier="profiled_rows") -%}
    begin;
    {%- if method == "copy" %}
    create temporary table {{ copy }} on commit drop as select * from {{ relation }};
    {%- endif %}
    {%- if method != "exact" %}
    {%- set stored = copy if method == "copy" else pg_wap.stored_table(relation).include(database=false) %}
    set local default_statistics_target = 100;
    do $analyze$
    begin
        execute case
            when current_setting('server_version_num')::integer >= 180000 then 'analyze only {{ stored }}'
            else 'analyze {{ stored }}'
        end;
    end $analyze$;
    {%- endif %}

    delete from {{ profiles }} where release_id = {{ release }} and relation = '{{ name }}';

    insert into {{ profiles }} (
        release_id, relation, column_name, position, data_type, is_estimated, row_count, null_count, distinct_count, min_value,
        max_value, mean, standard_deviation, mean_length, top_values, top_shares, bounds
    )
    {{ pg_wap.profile_from_counts(relation, columns) if method == "exact" else pg_wap.profile_from_statistics(relation, stored, columns) }}

    select
        {{ release }},
        '{{ name }}',
        columns.name,
        columns.position,
        columns.data_type,
        {{ method != "exact" }},
        coalesce(profiles.row_count, 0),
        coalesce(profiles.null_count, 0),
        coalesce(profiles.distinct_count, 0),
        left(profiles.min_value, 200),
        left(profiles.max_value, 200),
        profiles.mean,
        profiles.standard_deviation,
        profiles.mean_length,
        coalesce(profiles.top_values, '{}'),
        coalesce(profiles.top_shares, '{}'),
        profiles.bounds
    from (
        values
        {%- for column in columns %}
        ({{ column.position }}, '{{ escape_single_quotes(column.name) }}', '{{ escape_single_quotes(column.type) }}')
        {{- "," if not loop.last }}
        {%- endfor %}
    ) as columns (position, name, data_type)
    left join profiles on columns.position = profiles.position;

    do $same$
    begin
        if (select max(release_id) from {{ pg_wap.audit_table("releases") }}) <> {{ release }} then
            raise exception 'another release was published while release {{ release }} was profiled: profile it again';
        end if;
    end $same$;
    commit
{%- endmacro %}

{% macro drop_old_profiles_sql() -%}
    {%- set profiles = pg_wap.audit_table("column_profiles") -%}
    begin;
    delete from {{ profiles }}
    where release_id not in (
        select distinct release_id from {{ profiles }} order by release_id desc limit {{ pg_wap.setting("profile_releases") }}
    );
    commit
{%- endmacro %}

{#- How many of the most frequent values are kept, and into how many parts of equal size the bounds divide the values. -#}
{% macro profile_sizes() -%}
    {{ return({"top_values": 20, "parts": 20}) }}
{%- endmacro %}
