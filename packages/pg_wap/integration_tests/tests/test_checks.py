"""Checks: what they leave behind, which rows they read, what they must declare; and the constraints of seeds."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
import yaml

from .databases import Databases
from .project import AUDIT, PUBLISHED, Project

# Queries over the numbers 1 to 3, or over none of them, and the result that dbt's documentation gives each.
CHECKS: dict[str, tuple[str, dict[str, Any], str]] = {
    "fails": ("select n from given.numbers", {}, "fail"),
    "warns": ("select n from given.numbers", {"severity": "warn"}, "warn"),
    "is_limited": ("select n from given.numbers", {"limit": 2}, "fail"),
    "counts_otherwise": ("select n from given.numbers", {"fail_calc": "coalesce(sum(n), 0)"}, "fail"),
    "warns_of_few": ("select n from given.numbers", {"warn_if": ">2", "error_if": ">3"}, "warn"),
    "tolerates_few": ("select n from given.numbers", {"warn_if": ">3", "error_if": ">4"}, "pass"),
    "wants_none": ("select n from given.numbers where n > 3", {}, "pass"),
    "keeps_nothing": ("select n from given.numbers", {"store_failures": False}, "fail"),
    "is_kept_by_dbt": ("select n from given.numbers", {"store_failures": True}, "fail"),
    "is_kept_as_a_view": ("select n from given.numbers", {"store_failures_as": "view"}, "fail"),
    "names_rules": (
        "select n, case when n = 1 then array['odd', 'small'] when n = 3 then array['odd'] else '{}' end"
        " as broken_rules from given.numbers",
        {},
        "fail",
    ),
    "names_rules_and_keeps_nothing": (
        "select array['odd'] as broken_rules from given.numbers",
        {"store_failures": False},
        "fail",
    ),
}


def write_checks(project: Project) -> None:
    """Write the checks as singular tests."""
    for name, (query, config, _) in CHECKS.items():
        arguments = ", ".join(f"{key}={value!r}" for key, value in config.items())
        project.write(f"checks/{name}.sql", f"{{{{ config({arguments}) }}}}\n{query}\n" if config else query)
    project.ask("create schema given; create table given.numbers as select generate_series(1, 3) as n")


def stored(project: Project) -> dict[str, tuple[str, str, int]]:
    """Return schema, kind and number of rows of each relation that has the name of a check."""
    named = "', '".join(CHECKS)
    found = project.ask(
        f"select relname, relnamespace::regnamespace::text, relkind::text from pg_class where relname in ('{named}')"
    )
    return {
        name: (schema, kind, project.ask(f"select count(*) from {schema}.{name}")[0][0]) for name, schema, kind in found
    }


@pytest.mark.parametrize("schema", [None, "audit"], ids=["schema of dbt", "schema of the package"])
def test_failing_rows_are_kept_while_a_check_fails(schema: str | None, bare: Project) -> None:
    """The audit schema holds what is wrong today, wherever dbt would keep the rows; settings of dbt mean the same."""
    write_checks(bare)
    if not schema:
        settings = yaml.safe_load(bare.read("dbt_project.yml"))
        del settings["data_tests"]
        bare.write("dbt_project.yml", yaml.safe_dump(settings))
    of_dbt = AUDIT if schema else "store_dbt_test__audit"
    assert not bare.dbt("test")
    assert {name: outcome.status for name, outcome in bare.outcomes.items()} == {
        name: status for name, (*_, status) in CHECKS.items()
    }
    assert stored(bare) == {
        "fails": (AUDIT, "r", 3),
        "warns": (AUDIT, "r", 3),
        "is_limited": (AUDIT, "r", 2),
        "counts_otherwise": (AUDIT, "r", 3),
        "warns_of_few": (AUDIT, "r", 3),
        "is_kept_by_dbt": (of_dbt, "r", 3),
        "is_kept_as_a_view": (of_dbt, "v", 3),
        "names_rules": (AUDIT, "r", 3),
    }
    # half of what one has to know is which rules are broken, and it takes no query
    assert f"See {AUDIT}.names_rules: odd 2, small 1" in bare.said
    assert "names_rules_and_keeps_nothing: odd 3" in bare.said
    assert f"See {AUDIT}.fails" in bare.said
    counts = f"select check_name, rule, failures from {AUDIT}.broken_rules order by 1, 2"
    assert bare.ask(counts) == [
        ("names_rules", "odd", 2),
        ("names_rules", "small", 1),
        ("names_rules_and_keeps_nothing", "odd", 3),
    ]

    bare.ask("truncate given.numbers; insert into given.numbers values (4)")
    assert not bare.dbt("test", "--select", "fails")
    assert stored(bare)["fails"] == (AUDIT, "r", 1)
    bare.ask("truncate given.numbers")
    assert bare.dbt("test"), bare.errors
    assert {name for name, (*_, rows) in stored(bare).items() if rows} == set()
    assert stored(bare).keys() <= {"is_kept_by_dbt", "is_kept_as_a_view"}


# Which rows a check reads


def test_checks_read_touched_rows_of_a_model_with_a_check_column(store: Project) -> None:
    """What a build did not touch was checked before; a full build, and `dbt test` on its own, read everything."""
    # wrong rows behind the build's back, which only a check of all rows finds
    store.ask("alter table store_published_tables.customer_totals drop constraint if exists x")
    store.ask("insert into store_published_tables.customer_totals values (null, 1, 1.0)")
    store.ask("update store_published_partitions.orders_202403 set amount = -1 where line_id = 5")
    store.ask("insert into raw.order_lines values (6, 1, 'FR', '2024-01-06', 3, 2)")
    store.build("--exclude", "package:pg_wap", "totals_agree")
    assert store.outcomes["not_null_customer_totals_customer_id"].status == "pass"
    # all checks of touched rows ran, so nothing is missing but a check that was excluded
    assert not store.dbt("test", "--exclude", "package:pg_wap")
    bad = {name for name, outcome in store.outcomes.items() if outcome.status == "fail"}
    assert bad == {"not_null_customer_totals_customer_id", "orders_obey_their_rules", "totals_agree"}


# Rules and references

RULE = {"expression": "n > 0", "why": "Less is nothing."}
REFERENCE = {"type": "foreign_key", "name": "has_a_parent", "to": "ref('parent')", "to_columns": ["n"]}
WARNED = {"warn_unsupported": False}
MISTAKES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "no_rule": ({}, [], "neither rules nor references"),
    "no_why": ({"positive": {"expression": "n > 0"}}, [], "rule 'positive'"),
    "no_expression": ({"positive": {"why": "Less is nothing."}}, [], "rule 'positive'"),
    "other_key": ({"positive": RULE | {"because": "it is"}}, [], "rule 'positive'"),
    "other_severity": ({"positive": RULE | {"severity": "high"}}, [], "rule 'positive'"),
    "no_name": ({}, [REFERENCE | {"name": None}], "foreign key of 'no_name.n'"),
    "no_column": ({}, [REFERENCE | {"to_columns": []}], "foreign key of 'no_column.n'"),
}
TABLE = "{{ config(materialized='table') }} "


def test_misspelt_rules_and_references_stop_the_build(bare: Project) -> None:
    """A rule that is left out because of a letter looks like a rule that holds."""
    models: list[dict[str, Any]] = []
    for name, (rules, constraints, _) in MISTAKES.items():
        column = {"name": "n", "data_type": "integer", "constraints": constraints, "config": {"meta": {"rules": rules}}}
        models.append({"name": name, "columns": [column], "data_tests": [{"pg_wap.row_rules": {"name": f"{name}_r"}}]})
        bare.write(f"models/{name}.sql", f"{TABLE} select 1 as n -- {{{{ ref('parent') }}}}")
    twice = {"rules": {"positive": RULE}}
    column = {"name": "n", "config": {"meta": twice}}
    tests = [{"pg_wap.row_rules": {"name": "twice_r"}}]
    models.append({"name": "twice", "config": {"meta": twice}, "columns": [column], "data_tests": tests})
    bare.write("models/twice.sql", f"{TABLE} select 1 as n")
    bare.write("models/parent.sql", f"{TABLE} select 1 as n")
    bare.write("models/models.yml", yaml.safe_dump({"models": models}))
    assert not bare.dbt("build")
    messages = {name: part for name, (*_, part) in MISTAKES.items()} | {"twice": "rule 'positive' of 'twice'"}
    assert {
        name: bare.outcomes[f"{name}_r"].message
        for name, part in messages.items()
        if bare.outcomes[f"{name}_r"].status != "error" or part not in bare.outcomes[f"{name}_r"].message
    } == {}


def test_rows_that_break_a_rule_or_a_reference_are_returned(bare: Project) -> None:
    """A key that is null refers to nothing, as for a foreign key; a rule that is null is broken."""
    rules = {"small": RULE | {"expression": "n < 9"}, "odd": RULE | {"expression": "n % 2 = 1", "severity": "warn"}}
    columns = [
        {"name": "n", "data_type": "integer", "config": {"meta": {"rules": rules}}},
        {"name": "parent", "data_type": "integer", "constraints": [REFERENCE | WARNED]},
    ]
    child = {"name": "child", "columns": columns, "data_tests": [{"pg_wap.row_rules": {"name": "child_obeys"}}]}
    # an odd number without a parent, and the faults: a missing parent, an even number, no number
    values = "(1, null::integer), (3, 1), (5, 2), (2, 1), (null, 1)"
    bare.write(
        "models/child.sql", f"{TABLE} select * from (values {values}) as v (n, parent) -- {{{{ ref('parent') }}}}"
    )
    bare.write("models/parent.sql", f"{TABLE} select 1 as n")
    bare.write("models/models.yml", yaml.safe_dump({"models": [child]}))
    assert not bare.dbt("build")
    assert bare.outcomes["child_obeys"].status == "fail"
    found = bare.ask(f"select n, broken_rules, is_error from {AUDIT}.child_obeys order by n")
    assert found == [(2, ["odd"], False), (5, ["has_a_parent"], True), (None, ["small", "odd"], True)]
    bare.write("models/child.sql", f"{TABLE} select 2 as n, 1 as parent -- {{{{ ref('parent') }}}}")
    bare.build()
    assert bare.outcomes["child_obeys"].status == "warn"


# Seeds

SCORES = "id,score,name\n1,3,one\n2,5,two\n"


def write_seed(project: Project, content: str = SCORES, **changes: Any) -> None:
    """Write a seed, and its YAML with some keys changed."""
    columns = [
        {"name": "id", "constraints": [{"type": "primary_key"}]},
        {"name": "score", "constraints": [{"type": "check", "expression": "score between 1 and 5"}]},
    ]
    seed = {"name": "scores", "config": {"column_types": {"name": "text"}}, "columns": columns}
    project.write("seeds/scores.csv", content)
    project.write("seeds/seeds.yml", yaml.safe_dump({"seeds": [seed | changes]}))


def loaded(project: Project, *options: str) -> str:
    """Load the seed; return dbt's message."""
    project.dbt("seed", *options)
    return project.outcomes["scores"].message


@pytest.fixture
def seeded(bare: Project) -> Project:
    """Load the seed once, and mark the table by a row that is not in the file."""
    write_seed(bare)
    assert loaded(bare) == "INSERT 2"
    bare.ask("insert into store_staging.scores values (3, 1, 'by hand')")
    return bare


def names(project: Project) -> str:
    """Return the names in the seed's table."""
    return project.ask("select string_agg(name, ' ' order by id) from store_staging.scores")[0][0]


def test_an_unchanged_seed_is_left_alone(seeded: Project) -> None:
    """Reference data change once a year: a daily build should not wait for them."""
    assert loaded(seeded) == "UNCHANGED"
    assert loaded(seeded, "--show") == "UNCHANGED"
    assert names(seeded) == "one two by hand"


@pytest.mark.parametrize("why", ["content", "types", "constraints", "indexes", "full refresh", "another table", "view"])
def test_a_seed_that_is_not_what_it_should_be_is_loaded(why: str, seeded: Project) -> None:
    """Left alone by mistake, an old list of countries would be believed for years."""
    options = []
    if why == "content":
        write_seed(seeded, SCORES.replace("two", "deux"))
    elif why == "types":
        write_seed(seeded, config={"column_types": {"name": "varchar(10)"}})
    elif why == "constraints":
        write_seed(seeded, columns=[])
    elif why == "indexes":
        write_seed(seeded, config={"indexes": [{"columns": ["name"], "unique": True}]})
    elif why == "full refresh":
        options = ["--full-refresh"]
    else:
        kind = "table" if why == "another table" else "view"
        seeded.ask(
            f"drop table store_staging.scores; create {kind} store_staging.scores as select 1 as id, 'x' as name"
        )
    assert loaded(seeded, *options) == "INSERT 2"
    assert names(seeded) == ("one deux" if why == "content" else "one two")
    assert loaded(seeded) == "UNCHANGED"


@pytest.mark.parametrize("content", [SCORES + "2,4,again\n", SCORES + "4,6,too much\n", SCORES + ",4,nobody\n"])
def test_a_seed_that_breaks_its_constraints_is_not_loaded(content: str, seeded: Project) -> None:
    """A slip in a list must not take away the list of yesterday."""
    write_seed(seeded, content)
    assert not seeded.dbt("seed")
    assert names(seeded) == "one two by hand"


def test_an_empty_seed_is_loaded(bare: Project) -> None:
    """A list may have no entries yet."""
    write_seed(bare, "id,score,name\n", columns=[])
    assert loaded(bare) == "INSERT 0"
    assert loaded(bare) == "UNCHANGED"


# Declarations: a model with a rule, a check of the rule, and a check with a threshold

SINGULAR = """-- A list of numbers that is too long is no list of numbers.
select * from (select count(*) as numbers from {{ ref('numbers') }}) as counted
where numbers > {{ var('most_numbers') }}
"""
DECLARED: dict[str, Any] = {
    "groups": [{"name": name, "owner": {"name": name}} for name in ("arithmetic", "statistics")],
    "models": [
        {
            "name": "numbers",
            "config": {
                "group": "arithmetic",
                "meta": {"rules": {"is_small": {"expression": "number < 10", "why": "Fingers are ten."}}},
            },
            "columns": [{"name": "number"}],
            "data_tests": [
                {
                    "pg_wap.row_rules": {
                        "name": "numbers_obey",
                        "description": "Sums rest on them.",
                        "config": {"severity": "error"},
                    }
                }
            ],
        }
    ],
    "data_tests": [
        {
            "name": "not_too_many",
            "description": "There are at most most_numbers of them.",
            "config": {"group": "statistics", "severity": "warn", "meta": {"threshold": ["most_numbers"]}},
        }
    ],
}


@pytest.fixture(scope="module")
def declarations(databases: Databases) -> Iterator[Project]:
    """Make a project of which a test changes what its checks declare."""
    settings = {"vars": {"pg_wap_strict_checks": True, "most_numbers": 3}}
    models = {"pg_wap": {"+enabled": False}, "store": {"+schema": "published", "+materialized": "incremental_by_key"}}
    project = Project(("macros",), settings | {"models": models, "on-run-start": ["{{ pg_wap.on_run_start() }}"]})
    project.model("numbers", "{{ config(unique_key='number') }} select 1 as number")
    with databases.working() as project.url:
        yield project
    project.destroy()


def record(project: Project, declared: dict[str, Any], singular: str = SINGULAR) -> list[str]:
    """Record what the checks declare; return what is wrong with it."""
    models = {name: declared[name] for name in ("groups", "models")}
    project.write("models/models.yml", yaml.safe_dump({"version": 2, **models}))
    project.write("checks/checks.yml", yaml.safe_dump({"version": 2, "data_tests": declared["data_tests"]}))
    project.write("checks/not_too_many.sql", singular)
    project.dbt("run-operation", "pg_wap.record_checks")
    return project.errors


def test_declarations_are_recorded(declarations: Project) -> None:
    """The user who is called at night asks the warehouse for the owner, not a repository; rules are listed as well."""
    assert record(declarations, DECLARED) == []
    found = declarations.ask(
        f"""
        select check_name, name, kind, owner, severity, threshold, states, reason, protects
        from {AUDIT}.checks
        order by position
        """
    )
    assert found == [
        (
            *("not_too_many", "not_too_many", "check", "statistics", "soft", ["most_numbers = 3"]),
            "There are at most most_numbers of them.",
            "A list of numbers that is too long is no list of numbers.",
            [f"{PUBLISHED}.numbers"],
        ),
        (
            *("numbers_obey", "numbers_obey", "check", "arithmetic", "hard", []),
            *("row_rules", "Sums rest on them.", [f"{PUBLISHED}.numbers"]),
        ),
        (
            *("numbers_obey", "is_small", "rule", "arithmetic", "hard", []),
            *("number < 10", "Fingers are ten.", [f"{PUBLISHED}.numbers.number"]),
        ),
    ]


def test_a_rule_may_have_another_owner(declarations: Project) -> None:
    """One team may look after a table, and a rule on it matter to another team."""
    declared = deepcopy(DECLARED)
    _rule(declared)["owner"] = "statistics"
    assert record(declarations, declared) == []
    assert declarations.ask(f"select owner from {AUDIT}.checks where name = 'is_small'") == [("statistics",)]


def test_another_threshold_is_recorded(declarations: Project) -> None:
    """A catalogue that says 3 where the check uses 4 is worse than none; and all else is recorded once."""
    record(declarations, DECLARED)
    thresholds = f"select threshold from {AUDIT}.checks where threshold <> '{{}}'"
    assert declarations.ask(thresholds) == [(["most_numbers = 3"],)]
    version = f"select min(xmin::text) from {AUDIT}.checks"
    before = declarations.ask(version)
    assert declarations.dbt("run-operation", "pg_wap.record_checks"), declarations.errors
    assert declarations.ask(version) == before
    more = ["--vars", "{most_numbers: 4}"]
    assert declarations.dbt("run-operation", "pg_wap.record_checks", *more), declarations.errors
    assert declarations.ask(thresholds) == [(["most_numbers = 4"],)]


def _rule(declared: dict[str, Any]) -> dict[str, Any]:
    return declared["models"][0]["config"]["meta"]["rules"]["is_small"]


def _generic(declared: dict[str, Any]) -> dict[str, Any]:
    return declared["models"][0]["data_tests"][0]["pg_wap.row_rules"]


def _singular(declared: dict[str, Any]) -> dict[str, Any]:
    return declared["data_tests"][0]["config"]


NEGLECTS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "no owner": ("check 'not_too_many' has no owner", lambda declared: _singular(declared).pop("group")),
    "no owner of the model": (
        "check 'numbers_obey' has no owner",
        lambda declared: declared["models"][0]["config"].pop("group"),
    ),
    "no severity": ("check 'numbers_obey' declares no severity", lambda declared: _generic(declared).pop("config")),
    "misspelt severity": (
        "check 'not_too_many' declares no severity",
        lambda declared: _singular(declared).update(serverity=_singular(declared).pop("severity")),
    ),
    "no reason": ("check 'numbers_obey' does not say why", lambda declared: _generic(declared).pop("description")),
    "misspelt threshold": (
        "check 'not_too_many' has 'treshold' in its meta",
        lambda declared: _singular(declared).update(meta={"treshold": ["most_numbers"]}),
    ),
    "threshold not named": (
        "check 'not_too_many' reads the vars [most_numbers]",
        lambda declared: _singular(declared).pop("meta"),
    ),
    "threshold of a rule that is no var": (
        "check 'is_small' has the threshold 'fingers', which is no var",
        lambda declared: _rule(declared).update(threshold=["fingers"]),
    ),
    "unknown owner of a rule": (
        "check 'is_small' belongs to the group 'nobody'",
        lambda declared: _rule(declared).update(owner="nobody"),
    ),
    "rule without a reason": ("rule 'is_small' of 'numbers'", lambda declared: _rule(declared).pop("why")),
    "misspelt key of a rule": (
        "rule 'is_small' of 'numbers'",
        lambda declared: _rule(declared).update(owned_by="statistics"),
    ),
}


@pytest.mark.parametrize("neglect", NEGLECTS)
def test_a_check_that_does_not_declare_everything_is_refused(neglect: str, declarations: Project) -> None:
    """What is left out or misspelt is missed by nobody until the check fails, and then there is nobody to ask."""
    message, change = NEGLECTS[neglect]
    declared = deepcopy(DECLARED)
    change(declared)
    errors = record(declarations, declared)
    assert len(errors) == 1
    assert message in errors[0]


def test_a_project_that_is_not_strict_need_not_declare(declarations: Project) -> None:
    """Declarations are optional, so an ordinary project can install the package as it is."""
    declared = deepcopy(DECLARED)
    _singular(declared).clear()
    _generic(declared).pop("description")
    kept = declarations.read("dbt_project.yml")
    declarations.write("dbt_project.yml", kept.replace("pg_wap_strict_checks: true", "pg_wap_strict_checks: false"))
    try:
        assert record(declarations, declared, SINGULAR.partition("\n")[2]) == []
        assert declarations.ask(f"select owner, severity from {AUDIT}.checks where name = 'not_too_many'") == [
            ("", "hard")
        ]
    finally:
        declarations.write("dbt_project.yml", kept)


def test_a_singular_check_says_first_why_it_matters(declarations: Project) -> None:
    """The comment is the one place for it, and a reader of the query reads it first."""
    errors = record(declarations, DECLARED, SINGULAR.partition("\n")[2])
    assert len(errors) == 1
    assert "check 'not_too_many' does not say why it matters" in errors[0]


def test_a_check_that_dbt_has_forgotten_is_reported(declarations: Project) -> None:
    """Partial parsing loses the YAML of an edited query: a check that had to warn would fail, or the reverse."""
    record(declarations, DECLARED)
    declarations.dbt_with_files_as_they_are("parse", "--no-partial-parse")
    declarations.write("checks/not_too_many.sql", SINGULAR.replace("too long", "very long"))
    declarations.dbt_with_files_as_they_are("run-operation", "pg_wap.record_checks")
    assert len(declarations.errors) == 1
    assert "check 'not_too_many' is declared in no YAML, or dbt has forgotten it" in declarations.errors[0]
    assert record(declarations, DECLARED) == []
