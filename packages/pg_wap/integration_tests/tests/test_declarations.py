"""What a check declares: its owner, why it matters, how hard it is, its threshold."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
import yaml

from .databases import Databases
from .project import AUDIT, PUBLISHED, Project

# A model with a rule, a check of the rule, and a check with a threshold

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
    settings = {"vars": {"most_numbers": 3}}
    models = {"pg_wap": {"+enabled": False}, "store": {"+schema": "published", "+materialized": "incremental_by_key"}}
    project = Project(("macros",), settings | {"models": models, "on-run-start": ["{{ pg_wap.on_run_start() }}"]})
    project.model("numbers", "{{ config(unique_key='number') }} select 1 as number")
    with databases.working() as project.url:
        yield project
    project.destroy()


def write(project: Project, declared: dict[str, Any], singular: str = SINGULAR) -> None:
    """Write the declarations."""
    models = {name: declared[name] for name in ("groups", "models")}
    project.write("models/models.yml", yaml.safe_dump({"version": 2, **models}))
    project.write("checks/checks.yml", yaml.safe_dump({"version": 2, "data_tests": declared["data_tests"]}))
    project.write("checks/not_too_many.sql", singular)


def record(project: Project, declared: dict[str, Any], singular: str = SINGULAR) -> list[str]:
    """Record what the checks declare; return what failed."""
    write(project, declared, singular)
    project.dbt("run-operation", "pg_wap.record_checks")
    return project.errors


def complete(project: Project, declared: dict[str, Any], singular: str = SINGULAR) -> list[str]:
    """Return what a linter finds."""
    write(project, declared, singular)
    project.dbt("run-operation", "pg_wap.assert_checks_are_declared")
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
def test_a_linter_finds_each_declaration_that_is_missing_or_wrong(neglect: str, declarations: Project) -> None:
    """Nobody misses a declaration until the check fails at night, and then it is too late to ask for the owner."""
    message, change = NEGLECTS[neglect]
    declared = deepcopy(DECLARED)
    change(declared)
    errors = complete(declarations, declared)
    assert len(errors) == 1
    assert message in errors[0]


def test_a_linter_finds_nothing_in_declarations_that_are_complete(declarations: Project) -> None:
    """A linter that always complains is switched off."""
    assert complete(declarations, DECLARED) == []


def test_a_linter_lists_all_that_is_missing_at_once(declarations: Project) -> None:
    """One finding after another takes one run of the linter for each."""
    declared = deepcopy(DECLARED)
    _singular(declared).clear()
    _generic(declared).pop("description")
    errors = complete(declarations, declared, SINGULAR.partition("\n")[2])
    assert len(errors) == 1
    assert "5 declarations to complete" in errors[0]
    for message in (
        "check 'not_too_many' reads the vars [most_numbers]",
        "check 'not_too_many' declares no severity",
        "check 'not_too_many' does not say why it matters",
        "check 'not_too_many' has no owner",
        "check 'numbers_obey' does not say why it matters",
    ):
        assert message in errors[0]


def test_an_ordinary_check_is_a_hard_check_of_the_owner_of_its_model(declarations: Project) -> None:
    """A plain `not_null` needs no declarations, and stops no command."""
    declared = deepcopy(DECLARED)
    declared["models"][0]["columns"][0]["data_tests"] = ["not_null"]
    assert record(declarations, declared) == []
    found = declarations.ask(
        f"select owner, severity, reason from {AUDIT}.checks where name = 'not_null_numbers_number'"
    )
    assert found == [("arithmetic", "hard", "(none given)")]


def test_a_check_that_dbt_has_forgotten_is_reported(declarations: Project) -> None:
    """Partial parsing loses the YAML of an edited query: a check that had to warn would fail, or the reverse."""
    record(declarations, DECLARED)
    declarations.dbt_with_files_as_they_are("parse", "--no-partial-parse")
    declarations.write("checks/not_too_many.sql", SINGULAR.replace("too long", "very long"))
    declarations.dbt_with_files_as_they_are("run-operation", "pg_wap.assert_checks_are_declared")
    assert len(declarations.errors) == 1
    assert "check 'not_too_many' is declared nowhere, or dbt has forgotten its YAML" in declarations.errors[0]
    assert complete(declarations, DECLARED) == []


def test_a_misspelt_check_is_named_by_dbt(declarations: Project) -> None:
    """Its own message says which test dbt does not know; a hook that fails on it first would name nothing."""
    declared = deepcopy(DECLARED)
    declared["models"][0]["columns"][0]["data_tests"] = ["not_nul"]
    assert record(declarations, declared) == []
