"""Branches show the release, build apart from it, and leave nothing behind."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import psycopg
import pytest
from click.testing import Result
from dbt_project import environment, run_command_here
from harness import Database
from warehouse_state import fingerprints

from scripts import connection
from scripts.errors import Refusal
from scripts.governance.roles import apply as governing
from scripts.governance.roles.declaration import read_roles
from scripts.playground import branches, building, schemas
from scripts.playground.__main__ import main

# A branch takes rows of the catalogue: of 26 views with 301 columns, 160 kB. The warehouse itself takes 80 MB.
MOST_BYTES = 250_000
BRANCHES = 100
MART = "daily_sales"

WorkOn = Callable[..., AbstractContextManager[Database]]


class Story(NamedTuple):
    """A warehouse with a branch in which a mart was built.

    Attributes:
        warehouse: the warehouse.
        built: the answer of the build.
        refused: the answers of builds that must be refused.
        before: the rows of the release before.
    """

    warehouse: Database
    built: Result
    refused: dict[str, Result]
    before: dict[str, str]


def run(*arguments: str, **variables: str) -> Result:
    """Run a command on the working database."""
    return run_command_here(main, arguments, **environment() | variables)


def ask(database: Database, query: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    with psycopg.connect(database.url) as session:
        return session.execute(query.encode()).fetchall()


@pytest.fixture
def warehouse(copy_of_built: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Make a copy of the built warehouse the one in use."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    return copy_of_built


@pytest.fixture(scope="module")
def story(
    built: Database,
    work_on: WorkOn,
    keep: Callable[[Database, str], Database],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Story]:
    """Build a mart in a branch once."""
    target = tmp_path_factory.mktemp("target")
    with work_on(built) as working, pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        variables = {"DBT_TARGET_PATH": str(target)}
        before = fingerprints(working.url)
        assert run("make", "--name=mine").exit_code == 0
        built_mart = run("build", "--name=mine", f"--select={MART}", **variables)
        refused = {
            select: run("build", "--name=mine", f"--select={select}", **variables)
            for select in ("dim_customer_profile", "no_such_model")
        }
        kept = keep(working, "branched")
    yield Story(kept, built_mart, refused, before)
    with psycopg.connect(kept.operator_url.replace("/branched?", "/postgres?"), autocommit=True) as session:
        session.execute("drop database branched with (force)")


# Names


@pytest.mark.parametrize("name", ["", "New", "new mart", "new-mart", "1st", "_mine", "x" * 34, 'x"; drop schema gold'])
@pytest.mark.parametrize("command", ["make", "build", "drop"])
def test_a_name_that_begins_no_schema_is_refused(command: str, name: str, server: str) -> None:
    """The name becomes a part of many statements, so nothing but letters, digits and underscores may be in it."""
    arguments = ["--select=x"] if command == "build" else []
    answer = run(command, f"--name={name}", *arguments)
    assert answer.exit_code == 1
    assert answer.output == (
        f"Error: NAME={name!r} is no name for a branch: give 1 to 33 lower case letters, digits and underscores, with "
        "a letter first.\n"
    )


def test_a_taken_name_says_whose_it_is(warehouse: Database) -> None:
    """Two developers must not build over each other without knowing."""
    branches.make("mine")
    with pytest.raises(Refusal, match=r"branch_mine exists since 20.*, made by retail_builder: choose another name"):
        branches.make("mine")


def test_a_name_that_is_not_there_says_how_to_make_it(warehouse: Database) -> None:
    """A typing error must not look like an empty success."""
    for command in (["build", "--name=other", "--select=x"], ["drop", "--name=other"]):
        answer = run(*command)
        expected = (
            "Error: there is no branch 'other': `make branches` lists them, `make branch NAME=other` makes one.\n"
        )
        assert (answer.exit_code, answer.output) == (1, expected)


def test_before_the_first_release_there_is_no_branch(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch of nothing would look like a warehouse that lost all its relations."""
    for name, value in environment(database.name).items():
        monkeypatch.setenv(name, value)
    for prepare in ("select 1", "create schema gold"):
        with psycopg.connect(database.url) as session:
            session.execute(prepare.encode())
        with pytest.raises(Refusal, match="nothing was released yet: run `make build` first"):
            branches.make("mine")
    assert ask(database, "select nspname from pg_namespace where nspname ~ '^branch'") == []


def test_a_schema_belongs_to_one_playground_only(warehouse: Database) -> None:
    """Dropping one branch must not take schemas of another whose name begins alike."""
    branches.make("x")
    branches.make("x_y")
    with psycopg.connect(warehouse.url) as session:
        session.execute("create schema branch_x_gold_tables; create schema branch_x_y_silver")
    with pytest.raises(Refusal, match="ends like a schema of a release"):
        branches.make("x_gold")
    assert branches.drop("x") == ["branch_x_gold", "branch_x_gold_tables"]
    assert branches.drop("x_y") == ["branch_x_y_gold", "branch_x_y_silver"]


@pytest.mark.parametrize("prefix", ["gold", "silver", "reports"])
def test_what_is_no_playground_is_never_dropped(prefix: str, warehouse: Database) -> None:
    """A prefix that was mistyped must not drop the release."""
    with psycopg.connect(warehouse.url) as session:
        session.execute("create schema reports_of_mine; create schema silver_copy")
    with pytest.raises(Refusal, match=r"is no playground: its schemas have no mark\. Nothing was"):
        schemas.drop(prefix)


# What a branch shows and takes


def test_a_branch_shows_the_release(warehouse: Database) -> None:
    """Where nothing was built, a query gives the same answer in the branch as in gold."""
    branches.make("mine")
    assert fingerprints(warehouse.url, "branch_mine_gold") == fingerprints(warehouse.url, "gold")


def test_a_hundred_branches_take_only_rows_of_the_catalogue(warehouse: Database) -> None:
    """If each developer's branch were a copy, nobody could afford one for each idea."""
    size = "select pg_database_size(current_database())"
    [(before,)] = ask(warehouse, size)
    for number in range(BRANCHES):
        branches.make(f"idea_{number}")
    [(after,)] = ask(warehouse, size)
    assert (int(str(after)) - int(str(before))) / BRANCHES < MOST_BYTES
    listed = branches.branches()
    assert len(listed) == BRANCHES
    assert {(branch.size, *branch.built, *branch.lost) for branch in listed} == {(0,)}
    for branch in listed:
        branches.drop(branch.name)
    assert ask(warehouse, "select nspname from pg_namespace where nspname ~ '^branch'") == []


def test_a_branch_that_is_being_built_is_not_dropped(warehouse: Database) -> None:
    """The build would fail in the middle, and might leave schemas that no branch owns."""
    prefix = branches.make("mine").prefix
    with schemas.connect("branch-build") as other, schemas.alone(other, prefix):
        pid = other.info.backend_pid
        with pytest.raises(Refusal, match=rf"branch_mine is being built or dropped: process {pid} .* Nothing changed"):
            branches.drop("mine")
        with pytest.raises(Refusal, match="branch_mine is being built or dropped"):
            building.build("mine", "daily_sales", print)
    assert branches.drop("mine") == ["branch_mine_gold"]


def test_a_child_dbt_gets_the_database_in_use(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """The embedded server has no variables of its own, and those of another server must not slip in."""
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.delenv("DBT_SCHEMA", raising=False)
    given = schemas.environment("branch_mine")
    local = connection.libpq_environment("local")
    assert {name: given[name] for name in ("PGHOST", "PGUSER", "PGDATABASE")} == {
        name: local[name] for name in ("PGHOST", "PGUSER", "PGDATABASE")
    }
    assert (given["DBT_TARGET"], given["DBT_SCHEMA"]) == ("dev", "branch_mine")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    # What dbt's target `dev` needs is all there.
    assert connection.libpq_environment("dev")["PGHOST"] == local["PGHOST"]


def test_whoever_could_stop_releases_makes_no_branch(warehouse: Database) -> None:
    """A release that may not drop the views of a developer would wait for the developer."""
    with psycopg.connect(warehouse.operator_url, autocommit=True) as session:
        session.execute("create role ann login; grant create on database retail_test to ann")
        try:
            session.execute("set session authorization ann")
            with pytest.raises(Refusal, match="an administrator runs `grant ann to retail_builder`"):
                schemas.create(session, "branch_mine")
            session.execute("reset session authorization; grant ann to retail_builder")
            session.execute("set session authorization ann")
            schemas.create(session, "branch_mine")
        finally:
            session.execute("reset session authorization; drop owned by ann; drop role ann")


# What a build in a branch does


def test_a_build_changes_the_branch_and_nothing_else(story: Story) -> None:
    """A playground in which one could damage the release would be used by nobody."""
    assert story.built.exit_code == 0, story.built.output
    assert "Built       1 of 1 relations" in story.built.output
    assert fingerprints(story.warehouse.url) == story.before
    assert fingerprints(story.warehouse.url, "branch_mine_gold") == story.before
    [(releases,)] = ask(story.warehouse, "select count(*) from audit.releases")
    assert releases == 1


def test_only_what_was_built_differs(story: Story) -> None:
    """A copy of the relations around a mart would take space, and would be old tomorrow."""
    listed = json.loads(run("list", "--json", **environment(story.warehouse.name)).output)
    assert [(branch["name"], branch["built"], branch["lost"]) for branch in listed] == [("mine", [f"gold.{MART}"], [])]
    assert 0 < listed[0]["bytes"] < 5_000_000
    tables = (
        "select relname from pg_class where relnamespace = 'branch_mine_gold_tables'::regnamespace and relkind = 'r'"
    )
    assert ask(story.warehouse, tables) == [(MART,)]
    kept = "select nspname from pg_namespace where nspname ~ '^branch' and nspname !~ '(gold|_audit)' order by 1"
    assert ask(story.warehouse, kept) == []


def test_a_branch_reads_the_next_release_and_keeps_what_it_built(story: Story) -> None:
    """Views follow the release at once, and a mart of the branch changes only when it is built again."""
    with psycopg.connect(story.warehouse.url) as session:
        session.execute("delete from gold_tables.daily_sales; delete from gold_tables.customer_rfm")
        counts = "select (select count(*) from branch_mine_gold.{}), (select count(*) from gold.{})"
        [(own, released)] = session.execute(counts.format(MART, MART).encode()).fetchall()
        [(followed, _)] = session.execute(counts.format("customer_rfm", "customer_rfm").encode()).fetchall()
        session.rollback()
    assert (own > 0, released, followed) == (True, 0, 0)


def test_personal_data_are_not_copied(story: Story) -> None:
    """Masks, rights and erasure know the original only."""
    answer = story.refused["dim_customer_profile"]
    assert answer.exit_code == 1
    assert answer.output.splitlines()[-1] == (
        "Error: dim_customer_profile holds personal data, which no branch may copy: select models without it. Nothing "
        "was built."
    )


def test_a_selection_of_nothing_is_refused(story: Story) -> None:
    """An empty selection is a success for dbt, so a mistyped name would look as if it had been built."""
    answer = story.refused["no_such_model"]
    assert answer.exit_code == 1
    assert answer.output.splitlines()[-1] == (
        "Error: SELECT='no_such_model' names no model of the working tree. Nothing was built."
    )


def test_a_parent_that_is_nowhere_is_named(story: Story) -> None:
    """A new mart on another new mart fails in the middle of a build unless both are selected."""

    def node(kind: str, name: str, *parents: str) -> dict[str, object]:
        found = {"resource_type": kind, "name": name, "alias": name, "schema": "gold", "columns": {}}
        return found | {"config": {"materialized": "table"}, "depends_on": {"nodes": list(parents)}}

    nodes = {
        "model.top": node("model", "top", "model.new", "model.daily_sales"),
        "model.new": node("model", "new"),
        "model.daily_sales": node("model", "daily_sales"),
    }
    with psycopg.connect(story.warehouse.url) as session:
        building.refuse_missing(session, nodes, ["model.top", "model.new"], "branch_mine")
        with pytest.raises(Refusal, match="top reads new, which neither the branch nor the release has: select it"):
            building.refuse_missing(session, nodes, ["model.top"], "branch_mine")


def test_readers_see_no_branch_and_roles_do_not_drift(story: Story) -> None:
    """What a developer tries is not for readers, and a report of drift that nobody can explain is soon ignored."""
    with psycopg.connect(story.warehouse.operator_url) as session:
        drift = governing.compare(session, read_roles())
        assert not [found for found in drift if "branch" in found.difference + found.statement]
        readers = """
            select rolname, nspname
            from pg_roles
            cross join pg_namespace
            where
                (rolname ~ '^retail_' or rolname = 'pg_monitor')
                and rolname not in ('retail_builder')
                and nspname ~ '^branch_'
                and has_schema_privilege(rolname, pg_namespace.oid, 'usage')
        """
        assert session.execute(readers).fetchall() == []
