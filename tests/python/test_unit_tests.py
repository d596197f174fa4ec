"""dbt's unit tests: of a built warehouse they need the relations that models read, but none of the rows."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from dbt_project import Dbt
from harness import Database


def test_all_unit_tests_pass(
    built: Database, work_on: Callable[..., AbstractContextManager[Database]], dbt: Dbt
) -> None:
    """Each proves a rule of a model on rows that a person can follow, which the sample may not have."""
    with work_on(built):
        outcomes = dbt("test", "--select", "test_type:unit")
    assert outcomes
    assert not {name: outcome for name, outcome in outcomes.items() if outcome.status != "pass"}
