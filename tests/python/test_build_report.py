"""`scripts/build/report.py` prints the reports that models declare in their YAML."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.console import Console

from scripts.build.report import Outcome, Step, report_build, report_landing, report_next, reports_of
from scripts.errors import Refusal
from scripts.land import LandingReport

BEGAN = datetime(2026, 1, 2, tzinfo=timezone.utc)
RELATION = ("silver", "Lines set aside")


@pytest.fixture
def session(database) -> Iterator[psycopg.Connection]:
    """Create a relation with one row for each of three days. The build began on the second day."""
    with psycopg.connect(database.url, autocommit=True) as session:
        session.execute("create schema silver")
        session.execute('create table silver."Lines set aside" (seen_at timestamptz)')
        for days in (-1, 0, 1):
            session.execute('insert into silver."Lines set aside" values (%s)', [BEGAN + timedelta(days=days)])
        yield session


def printed(session: psycopg.Connection, report: Any, status: str = "success") -> list[str]:
    """Return the printed lines without the last two, which every build prints."""
    console = Console(file=StringIO(), width=80)
    step = Step("model", "aside", status, relation=RELATION, reports=reports_of("aside", {"report": report}))
    report_build(console, session, Outcome([step], [], ""), BEGAN)
    lines = console.file.getvalue().splitlines()
    assert lines[-2].startswith("Built ")
    return lines[:-2]


def test_rows_are_printed_behind_the_label(session) -> None:
    """The model declares the query, and the build supplies the relation of the model and its own start time."""
    query = "select count(*) || ' [rows] in ' || '{relation}'::regclass from {relation} where seen_at >= {began}"
    assert printed(session, {"label": "Set aside", "query": query}) == [
        'Set aside   2 [rows] in silver."Lines set aside"'
    ]


def test_several_reports_print_all_their_rows(session) -> None:
    """A model may declare several reports, and a query without rows must print nothing."""
    reports = [
        {"label": "Each", "query": "select seen_at::date::text from {relation} order by 1 limit 2"},
        {"label": "None", "query": "select 'x' where false"},
        {"label": "Braces", "query": "select '{{}}'"},
    ]
    assert printed(session, reports) == ["Each        2026-01-01", "Each        2026-01-02", "Braces      {}"]


@pytest.mark.parametrize(("status", "count"), [("success", 1), ("no-op", 1), ("error", 0), ("skipped", 0)])
def test_only_a_model_that_is_up_to_date_reports(session, status: str, count: int) -> None:
    """A view that the build kept is as current as a new table, but a failed model has nothing to report."""
    console = Console(file=StringIO(), width=80)
    reports = reports_of("aside", {"report": {"label": "Hello", "query": "select 'x'"}})
    outcome = Outcome([Step("snapshot", "aside", status, relation=RELATION, reports=reports)], [], "")
    try:
        report_build(console, session, outcome, BEGAN)
    except Refusal:
        assert status == "error"
    assert console.file.getvalue().count("Hello       x") == count


def test_a_query_that_fails_is_a_warning(session) -> None:
    """The build is complete and published, so a failed report must not hide the other messages."""
    (line,) = printed(session, {"label": "Wrong", "query": "select nothing from {relation}"})
    assert line.startswith("Warning     model aside: the query of its report 'Wrong' failed: column \"nothing\"")


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (["pass"] * 3, "3 of 3 passed"),
        (["pass", "warn", "skipped", "skipped"], "1 of 4 passed, 1 found rows and only warn, 2 were skipped"),
        (["pass", "fail", "error", "skipped"], "1 of 4 passed, 2 failed, 1 were skipped"),
    ],
)
def test_skipped_checks_are_told_from_failed_ones(session, statuses: list[str], words: str) -> None:
    """A check that was skipped says nothing about the data, neither good nor bad."""
    console = Console(file=StringIO(), width=80)
    outcome = Outcome([Step("test", f"check_{place}", status) for place, status in enumerate(statuses)], [], "")
    with suppress(Refusal):
        report_build(console, session, outcome, BEGAN)
    assert f"Checks      {words}\n" in console.file.getvalue()


@pytest.mark.parametrize(("passed_over", "words"), [(0, None), (1, "Passed over 1 other file:"), (2, "2 other files:")])
def test_files_of_other_formats_are_counted(passed_over: int, words: str | None) -> None:
    """A delivery with a wrong ending would be missing without a word."""
    console = Console(file=StringIO(), width=80)
    report_landing(console, Path("inbox"), LandingReport([], passed_over, 0))
    assert (words in console.file.getvalue()) if words else ("Passed over" not in console.file.getvalue())


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({"label": "A", "query": "select 1", "lable": "B"}, "config.meta.report.lable: unknown key."),
        ([{"label": "A", "query": "select 1", "sql": "B"}], "config.meta.report.sql: unknown key."),
        ({"label": "A"}, "config.meta.report.query: Field required."),
        ({"label": "Twelve chars", "query": "select 1"}, "config.meta.report.label: String should have at most 11"),
        ({"label": "A", "query": "select {model}"}, "config.meta.report.query: unknown placeholder {model};"),
        ({"label": "A", "query": "select {}"}, "config.meta.report.query: unknown placeholder {};"),
        ({"label": "A", "query": "select '{'"}, "config.meta.report.query: expected '}'"),
        ("select 1", "config.meta.report: Input should be"),
    ],
)
def test_a_report_that_is_not_valid_is_refused_in_one_line(report: Any, words: str) -> None:
    """The line must name the model and the key, because a project may have a hundred models."""
    with pytest.raises(Refusal) as refused:
        reports_of("aside", {"report": report})
    assert refused.value.message.startswith(f"model aside: {words}")
    assert "\n" not in refused.value.message


def test_the_next_command_shows_the_query_of_a_model() -> None:
    """The user's first query must work without an edit."""
    console = Console(file=StringIO(), width=80)
    report_next(console, [Step("model", "a", "success", relation=("gold", "a"), example="select * from {relation}")])
    assert "query the star schema, e.g. select * from gold.a\n" in console.file.getvalue()
    console = Console(file=StringIO(), width=80)
    report_next(console, [])
    assert "query the star schema\n" in console.file.getvalue()
