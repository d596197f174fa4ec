"""Every check has to say who owns it, why it is there and how hard it is."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from conftest import Database
from dbt_project import Dbt
from test_check_materializations import Project

# A model with a rule, a check that checks it, and a check with a threshold.
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
                    "row_rules": {
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


class Declarations(Project):
    """A small dbt project of which a test changes what its checks declare."""

    def __init__(self, folder: Path, dbt: Dbt, url: str):
        super().__init__(folder, dbt, url)
        project = yaml.safe_load((folder / "dbt_project.yml").read_text())
        self.write("dbt_project.yml", yaml.safe_dump(project | {"vars": {"most_numbers": 3}}))
        self.write("models/numbers.sql", "select 1 as number")

    def note(self, declared: dict[str, Any], singular: str = SINGULAR, *, parse_anew: bool = True) -> list[str]:
        """Note what the checks declare; return what was wrong with it."""
        models = {name: declared[name] for name in ("groups", "models")}
        self.write("models/models.yml", yaml.safe_dump({"version": 2, **models}))
        self.write("tests/tests.yml", yaml.safe_dump({"version": 2, "data_tests": declared["data_tests"]}))
        self.write("tests/not_too_many.sql", singular)
        self.run("run-operation", "note_checks", *["--no-partial-parse"] * parse_anew)
        return self.dbt.errors


@pytest.fixture(scope="module")
def declarations(dbt: Dbt, work_on: Callable[..., AbstractContextManager[Database]]) -> Iterator[Declarations]:
    """Make the project on an empty database."""
    with TemporaryDirectory(prefix="retail-") as folder, work_on() as database:
        yield Declarations(Path(folder), dbt, database.url)


def test_what_checks_declare_is_noted(declarations: Declarations) -> None:
    """Whoever is called at night asks the warehouse whose check it is, not a repository; rules are checks as well."""
    assert declarations.note(DECLARED) == []
    noted = declarations.rows(
        """
        select check_name, name, kind, owner, severity, threshold, states, reason, protects
        from audit.checks
        order by position
        """
    )
    assert noted == [
        (
            *("not_too_many", "not_too_many", "check", "statistics", "soft", ["most_numbers = 3"]),
            "There are at most most_numbers of them.",
            "A list of numbers that is too long is no list of numbers.",
            ["gold.numbers"],
        ),
        (
            *("numbers_obey", "numbers_obey", "check", "arithmetic", "hard", []),
            *("row_rules", "Sums rest on them.", ["gold.numbers"]),
        ),
        (
            *("numbers_obey", "is_small", "rule", "arithmetic", "hard", []),
            *("number < 10", "Fingers are ten.", ["gold.numbers.number"]),
        ),
    ]


def test_a_rule_may_have_an_owner_of_its_own(declarations: Declarations) -> None:
    """A table may be looked after by one team, and a rule on it matter to another."""
    declared = deepcopy(DECLARED)
    _rule(declared)["owner"] = "statistics"
    assert declarations.note(declared) == []
    assert declarations.rows("select owner from audit.checks where name = 'is_small'") == [("statistics",)]


def test_another_threshold_is_noted(declarations: Declarations) -> None:
    """A catalogue that says 3 where the check goes by 4 is worse than none; and all else is noted once."""
    declarations.note(DECLARED)
    assert declarations.rows("select threshold from audit.checks where threshold <> '{}'") == [(["most_numbers = 3"],)]
    before = declarations.rows("select min(xmin::text) from audit.checks")
    declarations.run("run-operation", "note_checks")
    assert declarations.rows("select min(xmin::text) from audit.checks") == before
    declarations.run("run-operation", "note_checks", "--vars", "most_numbers: 4")
    assert declarations.rows("select threshold from audit.checks where threshold <> '{}'") == [(["most_numbers = 4"],)]


def _rule(declared: dict[str, Any]) -> dict[str, Any]:
    return declared["models"][0]["config"]["meta"]["rules"]["is_small"]


def _generic(declared: dict[str, Any]) -> dict[str, Any]:
    return declared["models"][0]["data_tests"][0]["row_rules"]


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
    "no reason": ("check 'numbers_obey' says nowhere why", lambda declared: _generic(declared).pop("description")),
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
    "owner of a rule that nobody knows": (
        "check 'is_small' is of the group 'nobody'",
        lambda declared: _rule(declared).update(owner="nobody"),
    ),
    "rule without a reason": ("rule 'is_small' of 'numbers' must have", lambda declared: _rule(declared).pop("why")),
    "misspelt key of a rule": (
        "rule 'is_small' of 'numbers' must have",
        lambda declared: _rule(declared).update(owned_by="statistics"),
    ),
}


@pytest.mark.parametrize("neglect", NEGLECTS)
def test_a_check_that_does_not_say_all_is_refused(neglect: str, declarations: Declarations) -> None:
    """What is left out or misspelt is missed by nobody until the check fails, and then there is nobody to ask."""
    message, change = NEGLECTS[neglect]
    declared = deepcopy(DECLARED)
    change(declared)
    errors = declarations.note(declared)
    assert len(errors) == 1
    assert message in errors[0]


def test_a_singular_check_says_first_why_it_matters(declarations: Declarations) -> None:
    """The comment is the one place for it, and who reads the query reads it first."""
    errors = declarations.note(DECLARED, SINGULAR.partition("\n")[2])
    assert len(errors) == 1
    assert "check 'not_too_many' says nowhere why it matters" in errors[0]


def test_a_check_that_dbt_has_forgotten_is_told(declarations: Declarations) -> None:
    """Of a query that was edited, dbt's partial parsing loses the YAML: what had to warn would fail, or the reverse."""
    declarations.note(DECLARED)
    errors = declarations.note(DECLARED, SINGULAR.replace("too long", "very long"), parse_anew=False)
    assert len(errors) == 1
    assert "check 'not_too_many' is declared in no YAML, or dbt has forgotten it" in errors[0]
    assert declarations.note(DECLARED) == []
