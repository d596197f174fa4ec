"""The catalogue lists the declarations of this project's checks, and the last failure of each."""

import re
from io import StringIO

import psycopg
import pytest
import yaml
from dbt_project import Dbt
from harness import Database
from rich.console import Console

from scripts.check_catalogue import PAGE, Check, catalogue, page, show
from scripts.paths import PROJECT_ROOT


@pytest.fixture
def checks(built: Database) -> list[Check]:
    """Return the declarations of the checks of the built warehouse."""
    with psycopg.connect(built.url) as session:
        return catalogue(session)


def test_the_page_is_what_checks_declare(checks: list[Check]) -> None:
    """Readers trust an outdated page; after a change of a check, `make catalogue` writes the page again."""
    assert PAGE.read_text() == page(checks), "run `make catalogue`"


def test_singular_checks_declare_their_severity_in_their_sql() -> None:
    """Partial parsing of dbt forgets their YAML after some edits, and a check that warns would stop a release."""
    checks = list(PROJECT_ROOT.glob("tests/*/assert_*.sql"))
    assert checks
    assert not [path.name for path in checks if "severity=" not in path.read_text()]


def test_every_check_is_in_the_catalogue(checks: list[Check], dbt: Dbt) -> None:
    """A user cannot find the owner of a check that is missing in the catalogue."""
    text = (dbt.target_path / "manifest.json").read_text()
    tests = set(re.findall(r'"test\.retail_warehouse\.(\w+)(?:\.\w+)?": \{', text))
    assert tests
    assert {check.name for check in checks if check.kind == "check"} == tests


def test_rules_name_the_vars_that_they_read() -> None:
    """A compiled rule shows the value instead of the var, so the rule must name the var."""
    wrong = {}
    for path in [*PROJECT_ROOT.glob("models/**/*.yml"), *PROJECT_ROOT.glob("seeds/*.yml")]:
        resources = yaml.safe_load(path.read_text())
        for resource in [*resources.get("models", []), *resources.get("seeds", [])]:
            for owner in [resource, *resource.get("columns", [])]:
                for name, rule in owner.get("config", {}).get("meta", {}).get("rules", {}).items():
                    read = re.findall(r"\bvar\(\s*[\"'](\w+)", rule["expression"])
                    if sorted(read) != sorted(rule.get("threshold", [])):
                        wrong[name] = read
    assert wrong == {}


# The results of three runs of one check, with the columns that the catalogue reads.
NODE_RESULTS = """
    delete from audit.runs;
    insert into audit.runs (invocation_id, command, target, is_full_refresh, status)
    select run, 'dbt build', 'prod', false, 'fail' from unnest(array['1', '2', '3']) as runs (run);
    insert into audit.node_results (
        invocation_id, unique_id, name, resource_type, status, started_at, seconds, failures
    )
    select run, unique_id, check_name, 'test', status, started_at::timestamptz, 0, failures
    from audit.checks
    cross join (
        values ('1', 'fail', '2024-01-01 00:00+00', 7), ('2', 'fail', '2024-02-01 00:00+00', 5),
        ('3', 'pass', '2024-03-01 00:00+00', 0)
    ) as runs (run, status, started_at, failures)
    where name = 'dim_date_counts_right'
"""


def test_the_catalogue_says_when_a_check_failed_last(copy_of_built: Database, dbt: Dbt) -> None:
    """A user judges a check that fails each month differently from a check that never failed, and so its rules."""
    with psycopg.connect(copy_of_built.url, autocommit=True) as session:
        session.execute(NODE_RESULTS)
        dbt("run-operation", "pg_wap.record_checks")
        assert dbt.errors == []
        session.execute("set time zone 'UTC'")
        told = {(check.check_name, check.last_failed, check.rows_found_then) for check in catalogue(session)}
    assert ("dim_date_counts_right", "2024-02-01 00:00:00 UTC", 5) in told
    assert {last_failed for check, last_failed, _ in told if check != "dim_date_counts_right"} == {None}


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_is_complete_on_any_terminal_and_in_a_pipe(width: int) -> None:
    """The last failure is why a user asks, and it stands at the right edge, where a narrow table is cut first."""
    name = "assert_units_cancelled_are_not_more_than_units_sold"
    check = Check(name, name, "check", "merchandising", "hard", [], "", "", [], "2026-01-02 03:04:05 UTC", 1_234_567)
    piped = Console(file=StringIO(), width=width)
    show(piped, [check])
    line = piped.file.getvalue().splitlines()[1].split()
    assert line == [name, "merchandising", "hard", "2026-01-02", "03:04:05", "UTC", "1,234,567"]
    terminal = Console(file=StringIO(), width=width, force_terminal=True)
    show(terminal, [check])
    lines = re.sub(r"\x1b\[[\d;]*m", "", terminal.file.getvalue()).splitlines()
    assert max(map(len, lines)) <= width
    letters = sorted("".join(lines[1:]).replace(" ", ""))
    assert letters == sorted("".join(line))
