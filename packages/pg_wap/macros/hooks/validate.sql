{#- Refuses a project that cannot work, before anything is written. Every problem is one line that names the node and the mend.

    Arguments:
        nodes: the nodes to look at; `dbt test` looks at none, because it builds none. -#}
{% macro validate_project(nodes) -%}
    {{ pg_wap.assert_target_may_be_limited() }}
    {{ pg_wap.assert_is_no_retry() }}
    {%- set problems = [] -%}
    {%- do problems.extend(pg_wap.problems_of_the_root()) -%}
    {%- for node in nodes if node.resource_type in ["model", "seed", "snapshot"] -%}
        {%- do problems.extend(pg_wap.problems_of_the_release(node)) -%}
        {%- if node.config.materialized == "incremental_by_key" -%}
            {%- do problems.extend(pg_wap.problems_of_keys(node)) -%}
        {%- endif -%}
        {%- if node.config.materialized in ["incremental_by_key", "incremental_by_partition"] or node.resource_type == "snapshot" -%}
            {%- do problems.extend(pg_wap.problems_of_touched_by(node)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for node in (graph.get("functions", {}).values() if nodes else []) -%}
        {%- do problems.extend(pg_wap.problems_of_functions(node)) -%}
    {%- endfor -%}
    {%- for node in nodes if node.resource_type == "test" and node.alias in pg_wap.table_names() -%}
        {%- do problems.append(
            "check '" ~ node.name ~ "' has the name of a table that pg_wap keeps in the schema " ~ pg_wap.audit_table("runs").schema
            ~ ", where its failing rows go: rename it"
        ) -%}
    {%- endfor -%}
    {%- do problems.extend(pg_wap.problems_of_versions(nodes)) -%}
    {%- for node in nodes if (node.get("test_metadata") or {}).name == "row_rules" and node.attached_node in graph.nodes -%}
        {%- do problems.extend(pg_wap.problems_of_rules(graph.nodes[node.attached_node])) -%}
    {%- endfor -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error(problems | join("; ") ~ ". Nothing was built.") }}
    {%- endif -%}
{%- endmacro %}

{#- A check that is named at a model with versions stands at each of them, and dbt gives all of them the one name. -#}
{% macro problems_of_versions(nodes) -%}
    {%- set problems, seen = [], [] -%}
    {%- for node in nodes if node.resource_type == "test" and node.attached_node in graph.nodes -%}
        {%- if node.name in seen -%}
            {%- do problems.append(
                "check '" ~ node.name ~ "' stands at several versions of '" ~ graph.nodes[node.attached_node].name
                ~ "': write data_tests: [] at the version that is a view of another one, or name the check at each version"
            ) -%}
        {%- endif -%}
        {%- do seen.append(node.name) -%}
    {%- endfor -%}
    {{ return(problems | unique | list) }}
{%- endmacro %}

{#- `--empty` and `--sample` leave little or nothing in every model that they build, and then in the release. -#}
{% macro assert_target_may_be_limited() -%}
    {%- if pg_wap.limited_by() and target.name in pg_wap.setting("protected_targets") -%}
        {{ exceptions.raise_compiler_error(
            pg_wap.limited_by() ~ " would build the release of target '" ~ target.name ~ "' from a part of the data: use a target whose"
            ~ " schemas are your own, such as --target dev. Nothing was built."
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- A retry runs what failed, and what that held up. What the failed run built before is not part of the candidate any more, so the release
    would hold a part of both. A build is incremental and does what is left. -#}
{% macro assert_is_no_retry() -%}
    {#- dbt gives a retry the flags of the command that it repeats, but selects nothing: it knows the nodes from the failed run. -#}
    {%- if flags.WHICH in ["build", "run"] and not selected_resources -%}
        {{ exceptions.raise_compiler_error(
            "dbt retry would publish a part of a release: run `dbt " ~ flags.WHICH ~ "`, which builds only what is left. Nothing was built."
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- The canary: without the root's `ref`, checks would read what is published already, and pass. dbt leaves it to the root which package
    answers for a macro of dbt. -#}
{% macro problems_of_the_root() -%}
    {%- set problems = [] -%}
    {%- set found = ref.macro if ref.macro is defined else none -%}
    {%- if not found or "candidate_or_published" not in found.macro_sql -%}
        {%- do problems.append(
            "ref() does not read the candidate: "
            ~ ("package " ~ found.package_name ~ " has a macro ref of its own; remove one of the two" if found
            else "copy macros/pg_wap_hooks.sql from the README of pg_wap; if it is there, this version of dbt ignores it")
        ) -%}
    {%- endif -%}
    {%- for name, macro in [
        ("get_where_subquery", adapter.dispatch("get_where_subquery", "dbt")),
        ("get_columns_in_relation", adapter.dispatch("get_columns_in_relation", "dbt")),
        ("snapshot_staging_table", adapter.dispatch("snapshot_staging_table", "dbt")),
        ("snapshot_merge_sql", adapter.dispatch("snapshot_merge_sql", "dbt")),
    ] if macro.macro.package_name != "pg_wap" -%}
        {%- do problems.append(
            "the macro " ~ name ~ " comes from package " ~ macro.macro.package_name ~ ": put pg_wap before it in dispatch: of"
            ~ " dbt_project.yml (macro_namespace: dbt)"
        ) -%}
    {%- endfor -%}
    {{ return(problems) }}
{%- endmacro %}

{#- Readers see only what was released, so nothing may be written into the published schema in any other way. -#}
{% macro problems_of_the_release(node) -%}
    {%- set problems = [] -%}
    {%- set kind = node.config.materialized if node.resource_type == "model" else node.resource_type | string -%}
    {%- if not pg_wap.is_in_published_schema(node) -%}
        {%- if kind == "published_view" -%}
            {%- do problems.append(
                "model '" ~ pg_wap.versioned_name(node) ~ "' is a published_view outside of the schema "
                ~ pg_wap.published_schema() ~ ": use view there"
            ) -%}
        {%- endif -%}
    {%- elif kind in ["table", "view", "incremental", "materialized_view"] -%}
        {%- if "materialization_" ~ kind ~ "_postgres" not in context or (kind == "incremental" and is_incremental.macro.package_name == "dbt") -%}
            {%- do problems.append(
                "model '" ~ pg_wap.versioned_name(node) ~ "' would be written into the schema " ~ node.schema
                ~ " before its checks have passed: copy the wrapper of the materialization " ~ kind
                ~ " from the README of pg_wap to macros/pg_wap_hooks.sql"
            ) -%}
        {%- endif -%}
    {%- elif kind not in ["incremental_by_key", "incremental_by_partition", "published_view", "stable_view", "ephemeral"] -%}
        {%- set mend = {
            "seed": "another +schema for the seed, and a model that selects from it",
            "snapshot": "another schema for the snapshot, and a model that selects from it",
        } -%}
        {%- do problems.append(
            node.resource_type ~ " '" ~ pg_wap.versioned_name(node) ~ "' would be written into the schema " ~ node.schema
            ~ " before its checks have passed, as it is materialized as " ~ kind
            ~ ": use " ~ mend.get(kind, "a materialization of pg_wap or of dbt")
        ) -%}
    {%- endif -%}
    {{ return(problems) }}
{%- endmacro %}

{% macro problems_of_functions(node) -%}
    {%- set problems = [] -%}
    {%- if pg_wap.is_in_published_schema(node) -%}
        {%- if node.config.type != "table" -%}
            {%- do problems.append(
                "function '" ~ node.name ~ "' would be written into the schema " ~ node.schema ~ " before its checks have passed, as it is"
                ~ " of type " ~ node.config.type ~ ": use type: table, or another +schema"
            ) -%}
        {%- elif (node.config.persist_docs or {}).get("relation") -%}
            {%- do problems.append(
                "function '" ~ node.name ~ "' has persist_docs, but does not exist before the release, which describes it anyway: remove"
                ~ " persist_docs"
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(problems) }}
{%- endmacro %}

{% macro problems_of_keys(node) -%}
    {%- set problems = [] -%}
    {%- if not pg_wap.key_columns(node) -%}
        {%- do problems.append(
            "model '" ~ pg_wap.versioned_name(node) ~ "' is incremental_by_key and has no unique_key: add one to its config"
        ) -%}
    {%- endif -%}
    {%- set primary_key = pg_wap.primary_key_of(node) -%}
    {%- if pg_wap.key_columns(node) and pg_wap.key_columns(node) | sort != primary_key | sort -%}
        {%- do problems.append(
            "model '" ~ pg_wap.versioned_name(node) ~ "' has the unique_key " ~ pg_wap.key_columns(node) | join(", ") ~ ", but the primary key "
            ~ primary_key | join(", ") ~ ": an incremental build would take several rows for one, so make both the same"
        ) -%}
    {%- endif -%}
    {%- set column = node.config.get("check_column") -%}
    {%- if column and column not in pg_wap.logged_columns(node) -%}
        {%- do problems.append(
            "model '" ~ pg_wap.versioned_name(node) ~ "' logs only " ~ pg_wap.logged_columns(node) | join(", ")
            ~ ", but its check_column is " ~ column ~ ": add it to logged_columns"
        ) -%}
    {%- endif -%}
    {{ return(problems) }}
{%- endmacro %}

{#- A change log that the model does not wait for would be read too early, and a column that is not logged would touch nothing. -#}
{% macro problems_of_touched_by(node) -%}
    {%- set problems = [] -%}
    {%- set place = node.resource_type ~ " '" ~ pg_wap.versioned_name(node) ~ "': touched_by " -%}
    {%- set touched_by = node.config.get("touched_by") -%}
    {%- if touched_by is none -%}
        {%- set touched_by = (node.config.get("meta") or {}).get("touched_by") -%}
    {%- endif -%}
    {%- set upstream, parents = {}, [] -%}
    {%- for unique_id in pg_wap.fingerprints()[node.unique_id].ancestors if unique_id in graph.nodes -%}
        {%- set above = graph.nodes[unique_id] -%}
        {%- set names = [pg_wap.versioned_name(above)] + ([above.name] if above.get("version") == above.get("latest_version") else []) -%}
        {%- for name in names -%}
            {%- do upstream.update({name: above}) -%}
        {%- endfor -%}
        {%- do parents.extend(names + [above.name]) if unique_id in node.depends_on.nodes -%}
    {%- endfor -%}
    {%- if touched_by is string -%}
        {%- for call, name in modules.re.findall("\\b(changes_of|ref)\\(\\s*[\"']([\\w.]+)[\"']", touched_by) | unique
            if name not in (parents if call == "ref" else upstream) -%}
            {%- do problems.append(
                place ~ "reads '" ~ name ~ "', which the model does not ref: add `-- depends_on: {{ ref('" ~ name ~ "') }}`"
            ) -%}
        {%- endfor -%}
    {%- elif touched_by is mapping -%}
        {%- for name, given in touched_by.items() -%}
            {%- set known = upstream.get(name) -%}
            {%- if not known -%}
                {%- do problems.append(
                    place ~ "names '" ~ name ~ "', which the model does not ref: ref it, or remove it from touched_by"
                ) -%}
            {%- elif known.config.materialized != "incremental_by_key" -%}
                {%- do problems.append(
                    place ~ "names '" ~ name ~ "', which has no change log: only a model that is incremental_by_key has one"
                ) -%}
            {%- else -%}
                {%- set logged = pg_wap.logged_columns(known) -%}
                {%- for expression in (given.values() if given is mapping else []) -%}
                    {%- if not modules.re.findall("\\w+", expression) | select("in", logged) | list -%}
                        {%- do problems.append(
                            place ~ "computes '" ~ expression ~ "', but '" ~ name ~ "' logs only " ~ logged | join(", ")
                            ~ ": add the column to logged_columns of '" ~ name ~ "'"
                        ) -%}
                    {%- endif -%}
                {%- endfor -%}
                {%- if given is not string and given is not mapping and given is not sequence -%}
                    {%- do problems.append(
                        place ~ "gives '" ~ name ~ "' the value " ~ given ~ ": write a column, a list of columns, or a mapping of key"
                        ~ " columns to expressions"
                    ) -%}
                    {%- set given = [] -%}
                {%- endif -%}
                {%- for column in ([given] if given is string else [] if given is mapping else given) if column not in logged -%}
                    {%- do problems.append(
                        place ~ "reads the column '" ~ column ~ "', but '" ~ name ~ "' logs only " ~ logged | join(", ")
                        ~ ": add the column to logged_columns of '" ~ name ~ "'"
                    ) -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
    {%- elif touched_by is not none -%}
        {%- do problems.append(place ~ "must be a mapping of models to columns, or a query, not " ~ touched_by) -%}
    {%- endif -%}
    {{ return(problems) }}
{%- endmacro %}
