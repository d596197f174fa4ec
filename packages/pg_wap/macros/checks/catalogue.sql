{#- What the checks declare is written to `audit.checks` when it has changed. The view `audit.check_catalogue` joins what they found. -#}
{% macro record_checks() -%}
    {%- do run_query(pg_wap.create_tables()) if flags.WHICH == "run-operation" -%}
    {%- set checks = pg_wap.audit_table("checks") -%}
    {%- set fingerprint = pg_wap.checks_fingerprint() -%}
    {%- set catalogue = load_relation(pg_wap.audit_table("check_catalogue")) -%}
    {%- set known = run_query("select 1 from " ~ checks ~ " where fingerprint = '" ~ fingerprint ~ "' limit 1").rows | length -%}
    {%- if not known or not catalogue -%}
        {%- call statement("record_checks", auto_begin=false) -%}
            begin;
            {{ pg_wap.record_checks_sql(checks, fingerprint) }}
            {{ pg_wap.check_catalogue_sql(checks, pg_wap.audit_table("node_results")) }}
            commit
        {%- endcall -%}
    {%- endif -%}
{%- endmacro %}

{% macro record_checks_sql(checks, fingerprint) -%}
    {%- set declared = [] -%}
    {%- for check in pg_wap.declared_checks() -%}
        {%- do declared.append(dict(check, position=loop.index)) -%}
    {%- endfor -%}
    lock table {{ checks }} in share row exclusive mode;
    delete from {{ checks }};
    insert into {{ checks }}
    select (jsonb_populate_record(null::{{ checks }}, declared || '{"fingerprint": "{{ fingerprint }}"}')).*
    from jsonb_array_elements('{{ escape_single_quotes(tojson(declared)) }}') as checks (declared);
{%- endmacro %}

{#- Runs are recorded by check, so a rule or reference shows what its check found. -#}
{% macro check_catalogue_sql(checks, results) -%}
    drop view if exists {{ pg_wap.audit_table("check_catalogue") }};
    create view {{ pg_wap.audit_table("check_catalogue") }} as
    with

    runs as (

        select
            unique_id,
            max(started_at) as last_run_at,
            max(started_at) filter (where status <> 'pass') as last_failed_at,
            (array_agg(failures order by started_at desc) filter (where status <> 'pass'))[1] as rows_found_then
        from {{ results }}
        where status in ('pass', 'warn', 'fail', 'error')
        group by unique_id

    ),

    final as (

        select
            checks.position,
            checks.check_name,
            checks.name,
            checks.kind,
            checks.owner,
            checks.severity,
            checks.threshold,
            checks.states,
            checks.reason,
            checks.protects,
            runs.last_run_at,
            runs.last_failed_at,
            runs.rows_found_then
        from {{ checks }} as checks
        left join runs on checks.unique_id = runs.unique_id

    )

    select * from final;
{%- endmacro %}

{#- A run-operation for linters: an error that lists all checks of the project that do not declare an owner, a severity and a reason, or
    declare what does not exist. A build takes such a check as it is, as a hard check of the owner of its model. -#}
{% macro assert_checks_are_declared() -%}
    {%- set problems = [] -%}
    {%- for check in pg_wap.declared_checks() if check.package_name == project_name -%}
        {%- for problem in check.problems -%}
            {%- do problems.append("check '" ~ check.name ~ "' " ~ problem) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error(problems | length ~ " declarations to complete:\n  " ~ problems | join("\n  ")) }}
    {%- endif -%}
{%- endmacro %}

{#- Every check as its YAML declares it, with its rules and references. -#}
{% macro declared_checks() -%}
    {%- set checks = [] -%}
    {%- for node in graph.nodes.values() | sort(attribute="name")
        if node.resource_type == "test" and not pg_wap.is_own(node) -%}
        {%- set check = pg_wap.check_of(node) -%}
        {%- do checks.append(check) -%}
        {%- if (node.get("test_metadata") or {}).name == "row_rules" -%}
            {%- do checks.extend(pg_wap.declared_rules(graph.nodes[node.attached_node], check, node.config.severity | lower)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(checks) }}
{%- endmacro %}

{#- The text of a check stands in one place. The first comment of a singular test says why it matters, its description what holds. The
    name of a generic test says what holds, so its description says why. -#}
{% macro check_of(node) -%}
    {%- set test = node.get("test_metadata") or {} -%}
    {%- set problems = [] -%}
    {%- if not test and not node.patch_path and "severity" not in node.unrendered_config -%}
        {%- do problems.append(
            "is declared nowhere, or dbt has forgotten its YAML after an edit: declare the check in its SQL,"
            ~ " or run `dbt parse --no-partial-parse`"
        ) -%}
    {%- endif -%}
    {%- set keys = node.config.meta.keys() | reject("equalto", "threshold") | list -%}
    {%- if keys -%}
        {%- do problems.append("has '" ~ keys | join("', '") ~ "' in its meta, where only threshold is known: correct the name") -%}
    {%- endif -%}
    {%- set threshold = node.config.meta.get("threshold") or [] -%}
    {%- set threshold = [threshold] if threshold is string else threshold -%}
    {%- set used = modules.re.findall("\\bvar\\(\\s*[\"'](\\w+)", node.raw_code ~ test) | unique | sort -%}
    {%- if used != threshold | sort -%}
        {%- do problems.append("reads the vars [" ~ used | join(", ") ~ "]: name them as its threshold, and no others") -%}
    {%- endif -%}
    {%- if "severity" not in node.unrendered_config -%}
        {%- do problems.append("declares no severity: write error or warn") -%}
    {%- endif -%}
    {%- set protects = [] -%}
    {%- set attached = graph.nodes[node.attached_node] if node.get("attached_node") in graph.nodes else {"columns": {}} -%}
    {%- for unique_id in node.depends_on.nodes -%}
        {%- set read = graph.nodes.get(unique_id) or graph.sources[unique_id] -%}
        {%- do protects.append(read.schema ~ "." ~ (read.get("alias") or read.identifier)) -%}
    {%- endfor -%}
    {%- set arguments = [] -%}
    {%- for name, value in (test.kwargs or {}) | dictsort if name != "model" -%}
        {%- do arguments.append(name ~ ": " ~ value) -%}
        {%- if value is string and value in attached.columns -%}
            {%- do protects.append(attached.schema ~ "." ~ attached.alias ~ "." ~ value) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set comment = modules.re.match("(?:--[^\n]*\n)*", node.raw_code).group() -%}
    {{ return(pg_wap.declared_check({
        "unique_id": node.unique_id,
        "check_name": node.name,
        "name": node.name,
        "kind": "check",
        "states": test.name ~ " (" ~ arguments | join(", ") ~ ")" if arguments else test.name or node.description,
        "reason": node.description if test else comment | replace("--", ""),
        "owner": node.config.group or node.group or attached.get("group"),
        "severity": node.config.severity | lower,
        "threshold": threshold,
        "protects": protects,
        "package_name": node.package_name,
        "problems": problems,
    })) }}
{%- endmacro %}

{#- Each rule and reference has its own entry, with an owner, although one test checks them all. -#}
{% macro declared_rules(model, check, severity) -%}
    {%- set declared = [] -%}
    {%- set place = model.schema ~ "." ~ model.alias ~ "." -%}
    {%- for name, rule in pg_wap.rules_of(model).items() -%}
        {%- set protects = [] -%}
        {%- for word in modules.re.findall("\\w+", rule.expression) if word in model.columns -%}
            {%- do protects.append(place ~ word) -%}
        {%- endfor -%}
        {%- do declared.append(pg_wap.declared_check({
            "unique_id": check.unique_id,
            "check_name": check.name,
            "name": name,
            "kind": "rule",
            "states": rule.expression,
            "reason": rule.why,
            "owner": rule.owner or check.owner,
            "package_name": check.package_name,
            "severity": rule.severity or severity,
            "threshold": rule.threshold,
            "protects": protects,
        })) -%}
    {%- endfor -%}
    {%- for name, reference in pg_wap.references_of(model).items() -%}
        {%- do declared.append(pg_wap.declared_check({
            "unique_id": check.unique_id,
            "check_name": check.name,
            "name": name,
            "kind": "reference",
            "states": reference.column ~ " is in " ~ reference.to.identifier ~ "." ~ reference.to_column,
            "reason": "A row that refers to a missing row is lost in joins.",
            "owner": check.owner,
            "package_name": check.package_name,
            "severity": severity,
            "protects": [place ~ reference.column],
        })) -%}
    {%- endfor -%}
    {{ return(declared) }}
{%- endmacro %}

{#- The entry of the catalogue, and what its declaration lacks: otherwise it is missed only when the check fails at night. -#}
{% macro declared_check(check) -%}
    {%- set problems = check.problems or [] -%}
    {%- if not (check.reason or "") | trim -%}
        {%- do problems.append("does not say why it matters: give a generic test a description, a rule a why, a singular test a first comment") -%}
    {%- endif -%}
    {%- if not check.owner -%}
        {%- do problems.append("has no owner: give the check, or its model, a group of the project") -%}
    {%- elif not graph.groups.values() | selectattr("name", "equalto", check.owner) | list -%}
        {%- do problems.append("belongs to the group '" ~ check.owner ~ "', which the project does not declare: add the group, or correct its name") -%}
    {%- endif -%}
    {%- set values = [] -%}
    {%- for name in ([check.threshold] if check.threshold is string else check.threshold or []) -%}
        {%- if var(name, none) is none -%}
            {%- do problems.append("has the threshold '" ~ name ~ "', which is no var of dbt_project.yml: add the var, or correct its name") -%}
        {%- endif -%}
        {%- do values.append(name ~ " = " ~ var(name, none)) -%}
    {%- endfor -%}
    {{ return(dict(
        check,
        problems=problems,
        owner=check.owner or "",
        states=modules.re.sub("\\s+", " ", (check.states or check.name) | trim),
        reason=modules.re.sub("\\s+", " ", (check.reason or "") | trim) or "(none given)",
        severity={"error": "hard", "warn": "soft"}[check.severity],
        threshold=values,
        protects=check.protects | unique | list,
    )) }}
{%- endmacro %}
