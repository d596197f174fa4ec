"""The catalogue of this project's gates is what they declare, with when each failed last."""

import re

import psycopg
import pytest
import yaml
from conftest import Database
from dbt_project import Dbt

from scripts.gate_catalogue import PAGE, Gate, catalogue, page
from scripts.paths import PROJECT_ROOT


@pytest.fixture
def gates(built: Database) -> list[Gate]:
    """What the gates of the built warehouse declare."""
    with psycopg.connect(built.url) as session:
        return catalogue(session)


def test_the_page_is_what_gates_declare(gates: list[Gate]) -> None:
    """A page that was right once is believed for long: after a change of a gate, `make gates` writes it anew."""
    assert PAGE.read_text() == page(gates), "run `make gates`"


def test_every_gate_is_in_the_catalogue(gates: list[Gate], dbt: Dbt) -> None:
    """A gate that is missing there has no owner that anybody finds."""
    text = (dbt.target_path / "manifest.json").read_text()
    tests = set(re.findall(r'"test\.retail_warehouse\.(\w+)(?:\.\w+)?": \{', text))
    assert tests
    assert {gate.name for gate in gates if gate.kind == "gate"} == tests


def test_rules_name_the_vars_that_they_read() -> None:
    """The value is put in the place of the var before anybody can see it, so the rule must say which one it is."""
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


# What became of each node in each run, as far as the catalogue reads it.
NODE_RESULTS = """
    delete from audit.runs;
    insert into audit.runs (invocation_id, command, target, is_full_refresh, status)
    select run, 'dbt build', 'prod', false, 'fail' from unnest(array['1', '2', '3']) as runs (run);
    insert into audit.node_results (
        invocation_id, unique_id, name, resource_type, status, started_at, seconds, failures
    )
    select run, unique_id, gate, 'test', status, started_at::timestamptz, 0, failures
    from audit.gates
    cross join (
        values ('1', 'fail', '2024-01-01 00:00+00', 7), ('2', 'fail', '2024-02-01 00:00+00', 5),
        ('3', 'pass', '2024-03-01 00:00+00', 0)
    ) as runs (run, status, started_at, failures)
    where name = 'dim_date_counts_right'
"""


def test_the_catalogue_says_when_a_gate_failed_last(copy_of_built: Database, dbt: Dbt) -> None:
    """A gate that fails each month is looked at in another way than one that never did; its rules go with it."""
    with psycopg.connect(copy_of_built.url, autocommit=True) as session:
        session.execute(NODE_RESULTS)
        dbt("run-operation", "note_gates")
        assert dbt.errors == []
        session.execute("set time zone 'UTC'")
        told = {(gate.gate, gate.last_failed, gate.rows_found_then) for gate in catalogue(session)}
    assert ("dim_date_counts_right", "2024-02-01 00:00:00 UTC", 5) in told
    assert {last_failed for gate, last_failed, _ in told if gate != "dim_date_counts_right"} == {None}
