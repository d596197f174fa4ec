"""What a release changes, in numbers: exact, by key, and told before readers see it."""

from typing import Any

import psycopg
import pytest

from .project import AUDIT, PUBLISHED
from .versions import Versions

KEYED = "create table side.{} (id integer primary key, name text, amount numeric(12, 2), day date)"


def compare(versions: Versions, **options: Any) -> dict[str, Any]:
    """Compare the tables before and after of the schema side."""
    named = "".join(f", {name} => {value}" for name, value in options.items())
    ((found,),) = versions.ask(f"select {AUDIT}.compare_relations('side.before', 'side.after', array['id']{named})")
    return dict(found)


@pytest.fixture
def sides(versions: Versions) -> Versions:
    """Make two equal tables of three months."""
    versions.ask("create schema side")
    for name in ("before", "after"):
        versions.ask(KEYED.format(name))
        versions.ask(
            f"insert into side.{name} select n, 'n' || n, n, date '2011-01-01' + n from generate_series(1, 80) as n"
        )
    return versions


def test_equal_rows_are_no_change(sides: Versions) -> None:
    """A report of changes that are none would be ignored soon; a number with more decimals is the same number."""
    sides.ask("alter table side.after alter amount type numeric(14, 4)")
    found = compare(sides)
    assert (found["rows_before"], found["rows_after"]) == (80, 80)
    assert (found["rows_added"], found["rows_gone"], found["rows_changed"], found["columns"]) == (0, 0, 0, [])
    assert [column["name"] for column in found["columns_retyped"]] == ["amount"]


def test_each_difference_is_counted_once(sides: Versions) -> None:
    """A reviewer decides by these numbers: rows, columns, sums and months, each of what really differs."""
    sides.ask(
        "update side.after set amount = amount + 5 where id = 3; update side.after set name = 'x' where id in (3, 40)"
    )
    sides.ask("delete from side.after where id = 41; insert into side.after values (99, null, 7, '2011-04-01')")
    found = compare(sides)
    assert (found["rows_added"], found["rows_gone"], found["rows_changed"]) == (1, 1, 2)
    assert found["columns"] == [{"name": "name", "rows": 2}, {"name": "amount", "rows": 1}]
    assert found["measures"] == [{"name": "amount", "before": 3240, "after": 3240 + 5 - 41 + 7}]
    assert [(month["month"], month["before"], month["after"]) for month in found["months"]] == [
        ("2011-01-01", {"rows": 30, "amount": 465}, {"rows": 30, "amount": 470}),
        ("2011-02-01", {"rows": 28, "amount": 1246}, {"rows": 27, "amount": 1205}),
        ("2011-04-01", None, {"rows": 1, "amount": 7}),
    ]
    assert [(row["before"] or row["after"])["id"] for row in found["examples"]] == [41, 99, 3, 40]


def test_a_row_that_moves_to_another_month_is_one_changed_row(sides: Versions) -> None:
    """Months only say where to look; a row is known by its key."""
    sides.ask("update side.after set day = '2011-03-03' where id = 1")
    sides.ask("update side.after set day = null, amount = 90 where id = 2")
    found = compare(sides, example_count=1)
    assert (found["rows_added"], found["rows_gone"], found["rows_changed"]) == (0, 0, 2)
    assert found["columns"] == [{"name": "amount", "rows": 1}, {"name": "day", "rows": 2}]
    assert [month["month"] for month in found["months"]] == ["-infinity", "2011-01-01", "2011-03-01"]
    ((example),) = found["examples"]
    assert (example["before"]["day"], example["after"]["day"], example["after"]["amount"]) == ("2011-01-03", None, 90)


def test_columns_that_come_and_go_are_named(sides: Versions) -> None:
    """A reader's query breaks by a column that is gone, whatever the rows are."""
    sides.ask("alter table side.after drop name, add label text; update side.after set label = 'new'")
    found = compare(sides)
    assert (found["columns_added"], found["columns_gone"], found["rows_changed"]) == (["label"], ["name"], 0)


def test_types_without_a_hash_and_nulls_are_compared(sides: Versions) -> None:
    """A column of JSON must not end the report of the relation."""
    for name in ("before", "after"):
        sides.ask(f"alter table side.{name} add found json; update side.{name} set found = '[1]' where id > 1")
    assert compare(sides)["rows_changed"] == 0
    sides.ask("update side.after set found = '[2]' where id < 3")
    assert compare(sides)["columns"] == [{"name": "found", "rows": 2}]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("'side.before', 'side.nothing', array['id']", "there is no relation side.nothing"),
        ("'side.before', 'side.after', array['number']", "need the key columns number"),
    ],
)
def test_what_cannot_be_compared_is_named(sides: Versions, names: str, message: str) -> None:
    """An answer about the wrong rows would be worse than none."""
    with pytest.raises(psycopg.Error, match=message):
        sides.ask(f"select {AUDIT}.compare_relations({names})")


def test_a_release_says_what_readers_see_change(versions: Versions) -> None:
    """The report is written with the release: of a build that wrote only the rows that differ, and of a full one."""
    released = f"select changes from {AUDIT}.release_changes where relation = '{PUBLISHED}.customers' and release_id = "
    assert versions.build_version(2), versions.errors
    assert versions.build_version(3, "--full-refresh"), versions.errors
    for release_id, is_partial in ((2, True), (3, False)):
        ((found,),) = versions.ask(f"{released}{release_id}")
        assert found["is_partial"] == is_partial
        assert (found["rows_added"], found["rows_gone"], found["rows_changed"]) == (1, 1, 1)
        assert found["columns"] == [{"name": "version", "rows": 1}]
        assert found["examples"] == []
    versions.said.clear()
    assert versions.dbt("run-operation", "pg_wap.published")
    line = f"  {PUBLISHED}.customers: 1 row added, 1 row gone, 1 row changed; version +2"
    assert line in versions.said


def test_a_report_that_fails_holds_nothing_back(versions: Versions) -> None:
    """A release that passed its checks is right, whether or not it can be compared."""
    assert versions.build_version(2), versions.errors
    ((found,),) = versions.ask(
        f"select changes from {AUDIT}.release_changes where relation = '{PUBLISHED}.orders' and release_id = 2"
    )
    assert found == {"problem": "it has no primary key, by which rows could be compared"}
    assert versions.versions_seen() == {2}
