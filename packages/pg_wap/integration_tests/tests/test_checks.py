"""Checks: what they leave behind, which rows they read, what they must declare; and the constraints of seeds."""

from typing import Any

import pytest
import yaml

from .project import AUDIT, Project

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


# Rules and references

RULE = {"expression": "n > 0", "why": "Less is nothing."}
REFERENCE = {"type": "foreign_key", "name": "has_a_parent", "to": "ref('parent')", "to_columns": ["n"]}
WARNED = {"warn_unsupported": False}
MISTAKES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "no_why": ({"positive": {"expression": "n > 0"}}, [], "rule 'positive' of 'no_why' is not valid"),
    "no_expression": ({"positive": {"why": "Less is nothing."}}, [], "rule 'positive' of 'no_expression' is not valid"),
    "other_key": ({"positive": RULE | {"because": "it is"}}, [], "rule 'positive' of 'other_key' is not valid"),
    "other_severity": (
        {"positive": RULE | {"severity": "high"}},
        [],
        "rule 'positive' of 'other_severity' is not valid",
    ),
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
    assert len(bare.errors) == 1
    messages = {name: part for name, (*_, part) in MISTAKES.items()}
    for part in [*messages.values(), "rule 'positive' of 'twice' is not valid: give it a name that no other rule"]:
        assert part in bare.errors[0]
    assert bare.errors[0].count(" is not valid") == len(MISTAKES) + 1
    assert bare.ask("select to_regclass('store.parent')") == [(None,)]


def test_a_test_of_rules_without_rules_fails(bare: Project) -> None:
    """It would pass whatever the model holds."""
    tests = [{"pg_wap.row_rules": {"name": "nothing_to_obey"}}]
    bare.model("numbers", f"{TABLE} select 1 as n", data_tests=tests)
    assert not bare.dbt("build")
    message = bare.outcomes["nothing_to_obey"].message
    assert "model 'numbers' has neither rules nor references: add one, or remove row_rules." in message


def test_rows_that_break_a_rule_or_a_reference_are_returned(bare: Project) -> None:
    """A key that is null refers to nothing, as for a foreign key; a rule that is null is broken."""
    rules = {"small": RULE | {"expression": "n < 9"}, "odd": RULE | {"expression": "n % 2 = 1", "severity": "warn"}}
    columns = [
        {"name": "n", "data_type": "integer", "config": {"meta": {"rules": rules}}},
        {"name": "parent", "data_type": "integer", "constraints": [REFERENCE | WARNED]},
        {"name": "guardian", "data_type": "integer", "constraints": [REFERENCE | WARNED | {"name": "has_a_guardian"}]},
    ]
    child = {"name": "child", "columns": columns, "data_tests": [{"pg_wap.row_rules": {"name": "child_obeys"}}]}
    # an odd number without a parent, and the faults: a missing parent, an even number, no number, a missing guardian,
    # the same key missing as both
    values = "(1, null::integer, 1), (3, 1, 1), (5, 2, 1), (2, 1, 1), (null, 1, 1), (7, 1, 3), (1, 3, 3)"
    bare.write(
        "models/child.sql",
        f"{TABLE} select * from (values {values}) as v (n, parent, guardian) -- {{{{ ref('parent') }}}}",
    )
    bare.write("models/parent.sql", f"{TABLE} select 1 as n")
    bare.write("models/models.yml", yaml.safe_dump({"models": [child]}))
    assert not bare.dbt("build")
    assert bare.outcomes["child_obeys"].status == "fail"
    found = bare.ask(f"select n, broken_rules, is_error from {AUDIT}.child_obeys order by n")
    assert found == [
        (1, ["has_a_parent", "has_a_guardian"], True),
        (2, ["odd"], False),
        (5, ["has_a_parent"], True),
        (7, ["has_a_guardian"], True),
        (None, ["odd", "small"], True),
    ]
    bare.write("models/child.sql", f"{TABLE} select 2 as n, 1 as parent, 1 as guardian -- {{{{ ref('parent') }}}}")
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
    assert "scores" in project.outcomes, project.errors
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
    assert loaded(seeded, *options) == ("CREATE 2" if options else "INSERT 2")
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
