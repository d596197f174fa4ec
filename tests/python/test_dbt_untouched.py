"""`scripts/dbt_tuning/untouched.py` leaves out what nothing touched, and nothing else."""

import pytest

from scripts.dbt_tuning.untouched import LEFT_OUT, Untouched

# A table of lines, a view on it, a table and a check on the view; a check that runs in any case is not listed.
SETTLED = {
    "view": {"needs": [], "shows": ["lines"]},
    "totals": {"needs": ["view"], "shows": []},
    "check": {"needs": ["view", "totals"], "shows": []},
    "seed": {"needs": [], "shows": []},
}


@pytest.fixture
def untouched() -> Untouched:
    """Return a build that has not begun."""
    return Untouched(SETTLED)


def left_out(untouched: Untouched, *order: str) -> list[str]:
    """Run nodes in an order as dbt does, each of which writes something; return those that did not run."""
    found = []
    for name in order:
        if untouched.holds(name):
            found.append(name)
        untouched.note(name, LEFT_OUT if untouched.holds(name) else "INSERT 0 1")
    return found


def test_all_is_left_out_if_nothing_changed(untouched: Untouched) -> None:
    """A build of the same files costs a day's CPU if each node has to find that out for itself."""
    untouched.note("lines", "UNTOUCHED")
    assert left_out(untouched, "view", "totals", "check", "seed") == ["view", "totals", "check", "seed"]


def test_change_goes_through_a_view_that_does_not_run(untouched: Untouched) -> None:
    """A view need not be made again, but it shows other rows: what reads it has to run."""
    untouched.note("lines", "DO")
    assert left_out(untouched, "view", "totals", "check", "seed") == ["view", "seed"]


def test_table_that_came_out_the_same_stops_the_change(untouched: Untouched) -> None:
    """Most of a corrected file is as before, and what did not change need not be checked again."""
    untouched.note("lines", "DO")
    untouched.note("view", LEFT_OUT)
    untouched.note("totals", "UNCHANGED")
    assert "totals" in untouched._unchanged
    assert not untouched.holds("check"), "it reads the view as well"


def test_node_that_pg_wap_does_not_list_runs(untouched: Untouched) -> None:
    """New code, a check that failed or a rule that reads the clock: only pg_wap knows these reasons."""
    untouched.note("lines", "UNTOUCHED")
    assert not untouched.holds("another check")


def test_node_runs_if_what_it_needs_has_not_come_yet(untouched: Untouched) -> None:
    """Unknown is not unchanged: with a selection, a model that was not selected says nothing."""
    assert not untouched.holds("totals")
