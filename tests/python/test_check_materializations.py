"""How checks and seeds are run: what they leave and what they say is what dbt promises, for less of its time."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
import yaml
from conftest import Database
from dbt_project import Dbt, Outcome

from scripts.paths import PROJECT_ROOT

Rows = list[tuple[Any, ...]]


class Project:
    """A small dbt project with the macros of this one, and the database that it works on."""

    def __init__(self, folder: Path, dbt: Dbt, url: str):
        self.folder = folder
        self.dbt = dbt
        self.url = url
        shutil.copytree(PROJECT_ROOT / "macros", folder / "macros")
        shutil.copy(PROJECT_ROOT / "profiles.yml", folder)
        self.write("tests/generic/row_rules.sql", (PROJECT_ROOT / "tests/generic/row_rules.sql").read_text())
        project = {
            "name": "retail_warehouse",
            "profile": "retail_warehouse",
            "flags": {"send_anonymous_usage_stats": False},
            "models": {"+schema": "gold"},
            "seeds": {"+schema": "silver"},
            "data_tests": {"+schema": "audit", "+store_failures": True},
        }
        self.write("dbt_project.yml", yaml.safe_dump(project))

    def write(self, path: str, content: str) -> None:
        """Write a file of the project."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(content)

    def run(self, *command: str) -> dict[str, Outcome]:
        """Run dbt; return what became of each node by its name."""
        return self.dbt(*command, project=self.folder)

    def responses(self) -> dict[str, dict[str, Any]]:
        """Return what run_results.json keeps of the answer to each test of the last run."""
        results = json.loads((self.folder / "target" / "run_results.json").read_text())["results"]
        return {result["unique_id"].split(".")[2]: result["adapter_response"] for result in results}

    def rows(self, query: str) -> Rows:
        """Return the rows of a query, or nothing where it returns none."""
        with psycopg.connect(self.url) as session:
            cursor = session.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def stored(self) -> dict[str, tuple[str, int]]:
        """Return kind and number of rows of each relation that holds failing rows."""
        names = self.rows(
            "select relname, relkind::text from pg_class"
            " where relnamespace = to_regnamespace('audit') and relkind in ('r', 'v')"
        )
        return {name: (kind, self.rows(f"select count(*) from audit.{name}")[0][0]) for name, kind in names}


@pytest.fixture
def project(work_on: Callable[..., AbstractContextManager[Database]], dbt: Dbt) -> Iterator[Project]:
    """Make an empty project on an empty database."""
    with TemporaryDirectory(prefix="retail-") as folder, work_on() as database:
        yield Project(Path(folder), dbt, database.url)


# Checks: queries over the numbers 1 to 3, or over none of them, and what they are told to make of it.

CHECKS: dict[str, tuple[str, dict[str, Any]]] = {
    "fails": ("select n from given.numbers", {}),
    "warns": ("select n from given.numbers", {"severity": "warn"}),
    "is_limited": ("select n from given.numbers", {"limit": 2}),
    "counts_otherwise": ("select n from given.numbers", {"fail_calc": "coalesce(sum(n), 0)"}),
    "warns_of_few": ("select n from given.numbers", {"warn_if": ">2", "error_if": ">3"}),
    "tolerates_few": ("select n from given.numbers", {"warn_if": ">3", "error_if": ">4"}),
    "wants_some": ("select n from given.numbers", {"error_if": "=0", "warn_if": "=0"}),
    "keeps_nothing": ("select n from given.numbers", {"store_failures": False}),
    "keeps_a_view": ("select n from given.numbers", {"store_failures_as": "view"}),
    "names_rules": (
        "select n, case when n = 1 then array['odd', 'small'] when n = 3 then array['odd'] else '{}' end"
        " as broken_rules from given.numbers",
        {},
    ),
    "names_rules_and_keeps_nothing": (
        "select array['odd'] as broken_rules from given.numbers",
        {"store_failures": False},
    ),
}


def write_checks(project: Project) -> None:
    """Write the checks as singular tests."""
    for name, (query, config) in CHECKS.items():
        arguments = ", ".join(f"{key}={value!r}" for key, value in config.items())
        project.write(f"tests/{name}.sql", f"{{{{ config({arguments}) }}}}\n{query}\n" if config else query)
    project.rows("create schema given; create table given.numbers as select generate_series(1, 3) as n")


def test_checks_tell_what_those_of_dbt_tell(project: Project) -> None:
    """Whoever knows dbt's settings of tests must find them to mean here what they mean there."""
    write_checks(project)
    told = []
    for with_own in (True, False):
        if not with_own:
            (project.folder / "macros/materializations/test.sql").unlink()
        for numbers in (3, 0):
            project.rows(f"truncate given.numbers; insert into given.numbers select generate_series(1, {numbers})")
            outcomes = project.run("test")
            told.append({name: outcome[:3] for name, outcome in outcomes.items()})
    assert {status for status, *_ in told[0].values()} == {"pass", "warn", "fail"}
    assert told[:2] == told[2:]


def test_failing_rows_are_kept_while_they_fail(project: Project) -> None:
    """What is in `audit` is wrong today: what failed last week and was mended is in nobody's way."""
    write_checks(project)
    project.run("test")
    assert project.stored() == {
        "fails": ("r", 3),
        "warns": ("r", 3),
        "is_limited": ("r", 2),
        "counts_otherwise": ("r", 3),
        "warns_of_few": ("r", 3),
        "tolerates_few": ("r", 3),
        "wants_some": ("r", 3),
        "keeps_a_view": ("v", 3),
        "names_rules": ("r", 3),
    }
    project.rows("truncate given.numbers; insert into given.numbers values (4)")
    project.run("test", "--select", "fails", "keeps_a_view")
    stored = project.stored()
    assert (stored["fails"], stored["keeps_a_view"]) == (("r", 1), ("v", 1))
    project.rows("truncate given.numbers")
    project.run("test")
    assert project.stored() == {"wants_some": ("r", 0)}


def test_broken_rules_are_counted_by_name(project: Project) -> None:
    """That a table is wrong is half of what one has to know; the other half should not take a query."""
    write_checks(project)
    project.run("test")
    told = {
        name: response["_message"]
        for name, response in project.responses().items()
        if response.get("code") == "BROKEN_RULES"
    }
    assert told == {"names_rules": "odd 2, small 1", "names_rules_and_keeps_nothing": "odd 3"}
    assert sorted(project.dbt.told) == [f"{name}: {rules}" for name, rules in sorted(told.items())]


# Declarations of rules and references that are no good

RULE = {"expression": "n > 0", "why": "Less is nothing."}
REFERENCE = {"type": "foreign_key", "name": "has_a_parent", "to": "ref('parent')", "to_columns": ["n"]}
MISTAKES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "no_rule": ({}, [], "neither rules nor references"),
    "no_why": ({"positive": {"expression": "n > 0"}}, [], "rule 'positive'"),
    "no_expression": ({"positive": {"why": "Less is nothing."}}, [], "rule 'positive'"),
    "other_key": ({"positive": RULE | {"because": "it is"}}, [], "rule 'positive'"),
    "other_severity": ({"positive": RULE | {"severity": "high"}}, [], "rule 'positive'"),
    "no_name": ({}, [REFERENCE | {"name": None}], "foreign key of 'no_name.n'"),
    "no_column": ({}, [REFERENCE | {"to_columns": []}], "foreign key of 'no_column.n'"),
}


def test_misspelt_declarations_stop_the_build(project: Project) -> None:
    """A rule that is passed over because of a letter looks like a rule that holds."""
    models: list[dict[str, Any]] = []
    for name, (rules, constraints, _) in MISTAKES.items():
        column = {"name": "n", "data_type": "integer", "constraints": constraints, "config": {"meta": {"rules": rules}}}
        models.append({"name": name, "columns": [column], "data_tests": [{"row_rules": {"name": f"{name}_rules"}}]})
        project.write(f"models/{name}.sql", "select 1 as n")
    twice = {"rules": {"positive": RULE}}
    column = {"name": "n", "config": {"meta": twice}}
    tests = [{"row_rules": {"name": "twice_rules"}}]
    models.append({"name": "twice", "config": {"meta": twice}, "columns": [column], "data_tests": tests})
    project.write("models/twice.sql", "select 1 as n")
    project.write("models/parent.sql", "select 1 as n")
    project.write("models/models.yml", yaml.safe_dump({"models": models}))
    outcomes = project.run("build")
    messages = {name: part for name, (*_, part) in MISTAKES.items()} | {"twice": "rule 'positive' of 'twice'"}
    assert {
        name: outcomes[f"{name}_rules"].message
        for name, part in messages.items()
        if outcomes[f"{name}_rules"].status != "error" or part not in outcomes[f"{name}_rules"].message
    } == {}


def test_a_missing_reference_is_in_order(project: Project) -> None:
    """A key that is null refers to nothing, as for a foreign key; whether it may be null is another rule."""
    column = {"name": "n", "data_type": "integer", "constraints": [REFERENCE]}
    child = {"name": "child", "columns": [column], "data_tests": [{"row_rules": {"name": "child_rules"}}]}
    project.write("models/child.sql", "select n from (values (1), (null), (2)) as numbers (n)")
    project.write("models/parent.sql", "select 1 as n")
    project.write("models/models.yml", yaml.safe_dump({"models": [child]}))
    assert project.run("build")["child_rules"].status == "fail"
    assert project.rows("select broken_rules, n from audit.child_rules") == [(["has_a_parent"], 2)]


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


@pytest.fixture
def seeded(project: Project) -> Project:
    """Load the seed once, and mark the table by a row that is not in the file."""
    write_seed(project)
    assert project.run("seed")["scores"].message == "INSERT 2"
    project.rows("insert into silver.scores values (3, 1, 'by hand')")
    return project


def names(project: Project) -> str:
    """Return the names in the seed's table."""
    return project.rows("select string_agg(name, ' ' order by id) from silver.scores")[0][0]


def test_an_unchanged_seed_is_passed_over(seeded: Project) -> None:
    """Reference data change once a year: whoever builds each day should not wait for them."""
    assert seeded.run("seed")["scores"].message == "UNCHANGED"
    assert seeded.run("seed", "--show")["scores"].message == "UNCHANGED"
    assert names(seeded) == "one two by hand"


@pytest.mark.parametrize("why", ["content", "types", "constraints", "indexes", "full refresh", "another table", "view"])
def test_a_seed_that_is_not_what_it_should_be_is_loaded(why: str, seeded: Project) -> None:
    """Passed over by mistake, an old list of countries would be believed for years."""
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
        seeded.rows(f"drop table silver.scores; create {kind} silver.scores as select 1 as id, 'none' as name")
    assert seeded.run("seed", *options)["scores"].message == "INSERT 2"
    assert names(seeded) == ("one deux" if why == "content" else "one two")
    assert seeded.run("seed")["scores"].message == "UNCHANGED"


@pytest.mark.parametrize("content", [SCORES + "2,4,again\n", SCORES + "4,6,too much\n", SCORES + ",4,nobody\n"])
def test_a_seed_that_breaks_its_constraints_is_not_loaded(content: str, seeded: Project) -> None:
    """A slip in a list must not take away the list of yesterday."""
    write_seed(seeded, content)
    assert seeded.run("seed")["scores"].status == "error"
    assert names(seeded) == "one two by hand"


def test_an_empty_seed_is_loaded(project: Project) -> None:
    """A list may have no entries yet."""
    write_seed(project, "id,score,name\n", columns=[])
    assert project.run("seed")["scores"].message == "INSERT 0"
    assert project.run("seed")["scores"].message == "UNCHANGED"
