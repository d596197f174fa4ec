"""`python -m scripts.build`, as a user runs it: what it says, what it leaves behind, and how it says no."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import psycopg
import pytest
from dbt_project import Dbt, environment, run_command_here, without_settings
from warehouse_state import BOOKKEEPING, fingerprints

from scripts import connection, locks
from scripts.build import log
from scripts.build import run as command
from scripts.build.report import Outcome, Step, found_before
from scripts.dbt_tuning.untouched import LEFT_OUT
from scripts.errors import Refusal
from scripts.generate import sample as made_up
from scripts.land import land
from scripts.paths import PROJECT_ROOT

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
GOOD_LINE = "1000000,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n"
BAD_LINE = "{number},85123A,LANTERN,six,2010-12-01 08:26:00,2.55,17850,United Kingdom\n"


class Answer(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Story(NamedTuple):
    """Three builds of one warehouse: of the sample, of the sample again, and of a file with one good line.

    `ran` holds the ids of the nodes that the second build did not leave out.
    """

    first: Answer
    second: Answer
    third: Answer
    state_after_first: dict[str, str]
    state_after_second: dict[str, str]
    state_after_third: dict[str, str]
    bad_lines: int
    ran: set[str]


@pytest.fixture(scope="module")
def build(dbt: Dbt) -> Callable[..., Answer]:
    """Offer the command in a process of its own, with an environment that holds nothing but what is given."""
    # So that it finds the project parsed, and leaves the developer's own artifacts alone.
    ours = without_settings() | {"DBT_TARGET_PATH": str(dbt.target_path), "DBT_LOG_PATH": str(dbt.log_path)}

    def run(*arguments: str | Path, **variables: str) -> Answer:
        command = [sys.executable, "-m", "scripts.build", *map(str, arguments)]
        answer = subprocess.run(
            command, cwd=PROJECT_ROOT, env=ours | variables, capture_output=True, text=True, check=False
        )
        return Answer(answer.returncode, answer.stdout, answer.stderr)

    return run


def run_here(*arguments: str | Path, **variables: str) -> Answer:
    """Run the command in this process, with an environment that holds nothing but what is given."""
    done = run_command_here(command.main, [str(argument) for argument in arguments], **variables)
    return Answer(done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def build_here(dbt: Dbt) -> Callable[..., Answer]:
    """Offer the command in this process."""
    return partial(run_here, DBT_TARGET_PATH=str(dbt.target_path), DBT_LOG_PATH=str(dbt.log_path))


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Offer the command where it ends before dbt begins: the project is not parsed, as that would be for nothing."""
    monkeypatch.setattr(command, "load_dbt", lambda *_: None)
    return run_here


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a test an empty folder for its files."""
    with TemporaryDirectory(prefix="retail-") as path:
        yield Path(path)


def state(url: str) -> dict[str, str]:
    """Return a fingerprint of each table of the warehouse, and view of gold: of all its rows, whatever their order.

    What a build has to look at is left out: it is of the build, and nothing after one that succeeded.
    """
    with psycopg.connect(url) as session:
        tables = session.execute(
            "select format('%I.%I', table_schema, table_name) from information_schema.tables"
            " where table_schema in ('bronze', 'silver', 'history', 'profiles', 'gold')"
            " order by 1"
        ).fetchall()
        digest = "select md5(string_agg(row::text, '|' order by row::text)) from {} as row"
        return {table: session.execute(digest.format(table)).fetchone()[0] for (table,) in tables}


def ran_last(url: str) -> set[str]:
    """Return the names of the nodes that the last build did not leave out."""
    query = """
        select node_results.name
        from audit.node_results
        where
            invocation_id = (select invocation_id from audit.runs order by started_at desc limit 1)
            and message is distinct from %s
    """
    with psycopg.connect(url) as session:
        return {name for (name,) in session.execute(query, [LEFT_OUT])}


@pytest.fixture(scope="module")
def story(work_on, sample, build: Callable[..., Answer], build_here: Callable[..., Answer]) -> Story:
    """Build three times, the first time in a process of its own, as a user does."""
    bad_lines = sample.truth["raw"]["rows"] // 50
    with work_on() as warehouse, TemporaryDirectory(prefix="retail-") as folder:
        first = build(sample.folder, **environment())
        state_after_first = state(warehouse.url)
        second = build_here(sample.folder, **environment())
        state_after_second = state(warehouse.url)
        ran = ran_last(warehouse.url)
        lines = [BAD_LINE.format(number=900_000 + number) for number in range(bad_lines)]
        Path(folder, "bad.csv").write_text(HEADER + GOOD_LINE + "".join(lines))
        third = build_here(folder, **environment())
        state_after_third = state(warehouse.url)
    return Story(first, second, third, state_after_first, state_after_second, state_after_third, bad_lines, ran)


# A build


def test_second_build_leaves_out_what_nothing_touched(story: Story) -> None:
    """A build of the same files would spend most of its time on models and checks that have nothing to do."""
    told = re.search(r"^Left out +(\d+) of them, as nothing that they read", story.second.out, re.MULTILINE)
    assert told, story.second.out
    assert int(told[1]) > len(story.ran)
    assert "Left out" not in story.first.out


def test_second_build_checks_again_what_changes_without_a_trace(story: Story) -> None:
    """Rows of bronze can be lost by hand, and the clock goes on: no model would notice either."""
    assert story.ran >= {
        "transactions_hold_what_the_ledger_says",
        "transactions_are_typed_or_quarantined",
        "assert_every_line_is_somewhere",
        "assert_no_invoice_is_from_the_future",
        "assert_quarantine_is_worked_off",
    }


def test_first_build_succeeds_in_silence_on_stderr(story: Story) -> None:
    """A scheduler goes by the exit code, and mails whatever is on standard error."""
    assert (story.first.code, story.first.err) == (0, "")


def test_build_says_what_landed(story: Story, sample) -> None:
    """Whoever hands over files wants to see that all of them have arrived."""
    sales, others = sample.truth["raw"], [sample.truth["price_list"], sample.truth["customer_master"]]
    files = sales["files"] + sum(other["files"] for other in others)
    rows = sales["rows"] + sum(other["raw_rows"] for other in others)
    assert f"Landed      {files:,} files with {rows:,} rows" in story.first.out


def test_build_says_how_much_is_in_quarantine_and_why(story: Story, sample) -> None:
    """Lines that count nowhere must be told, with their reasons and where to find them."""
    truth = sample.truth["quarantined"]
    told = re.search(r"^Quarantined (\S+) lines, see silver\.quarantined_lines: (.*)$", story.first.out, re.MULTILINE)
    assert told, story.first.out
    reasons = {reason: int(lines.replace(",", "")) for lines, reason in re.findall(r"(\d[\d,]*) ([a-z_]+)", told[2])}
    assert int(told[1].replace(",", "")) == truth["lines"]
    assert reasons == {reason: lines for reason, lines in truth["by_reason"].items() if lines}


def test_build_says_how_many_cancellations_found_their_sale(story: Story) -> None:
    """What is cancelled without a sale is in no lifecycle, so the reader has to know how much that is."""
    told = re.search(
        r"^Cancelled +(\S+) of (\S+) lines matched to the sale they cancel \((\S+) %, (\S+) % of the money\)$",
        story.first.out,
        re.MULTILINE,
    )
    assert told, story.first.out
    matched, lines = (int(number.replace(",", "")) for number in told.groups()[:2])
    assert 0 < matched < lines
    assert told[3] == f"{100 * matched / lines:.1f}"
    assert 0 < float(told[4]) < 100


def test_build_says_that_all_checks_passed(story: Story) -> None:
    """It is not enough to be done: that the checks were asked, and how many, is what makes the numbers good."""
    told = re.search(r"^Checks +(\d+) of (\d+) passed$", story.first.out, re.MULTILINE)
    assert told, story.first.out
    assert told[1] == told[2] != "0"


def test_build_says_what_was_built_how_long_it_took_and_what_next(story: Story) -> None:
    """The first minute with the project decides; nobody should have to guess the next command."""
    assert re.search(r"^Built +\d+ relations \(\d+ models, \d+ snapshots, \d+ seeds\)$", story.first.out, re.MULTILINE)
    for step in ("land", "wait for dbt to load", "build and test", "all"):
        assert re.search(rf"^ +{step} +\d+\.\d s", story.first.out, re.MULTILINE), step
    assert "make psql" in story.first.out


def test_release_says_how_the_log_of_events_ends(story: Story) -> None:
    """An anchor is worth nothing if it has to be looked for; a build that publishes nothing has none."""
    assert re.search(r"^Anchor      event \d+ has the hash [0-9a-f]{64}$", story.first.out, re.MULTILINE)
    assert "Anchor" not in story.second.out + story.third.out


def test_second_build_lands_nothing(story: Story, sample) -> None:
    """The same files are handed over again and again; each counts once."""
    assert story.second.code == 0, story.second.err
    assert f"Landed      0 files with 0 rows from {sample.folder}" in story.second.out
    files = sum(sample.truth[source]["files"] for source in ("raw", "price_list", "customer_master"))
    assert f"{files:,} files were here already" in story.second.out


def test_second_build_changes_nothing(story: Story) -> None:
    """Not a row of bronze, silver, history and gold may change, nor its bookkeeping: nothing has happened."""
    assert {table.split(".")[0] for table in story.state_after_first} == {
        "bronze",
        "silver",
        "history",
        "profiles",
        "gold",
    }
    assert story.state_after_second == story.state_after_first


def test_failing_check_fails_the_build_and_says_where_to_look(story: Story) -> None:
    """Whoever is called at night needs the name of the check and the query that shows its rows."""
    assert story.third.code == 1
    lines = story.third.err.splitlines()
    assert lines[0] == (
        "Error: check assert_quarantine_stays_small found 2 rows: select * from audit.assert_quarantine_stays_small"
    )
    assert re.fullmatch(r"Error: 1 of \d+ steps failed\. Mend the cause and run this again\.", lines[-1])
    assert len(lines) == 2


def test_failing_build_leaves_gold_and_history_as_they_were(story: Story) -> None:
    """Until somebody has looked, analysts are served the last good state, without the one good line of that file."""
    assert story.state_after_third["bronze.transactions"] != story.state_after_second["bronze.transactions"]
    served = {table for table in story.state_after_second if table.startswith(("gold.", "history."))}
    changed = {table for table in served if story.state_after_third[table] != story.state_after_second[table]}
    assert changed == set()


def test_failing_build_still_says_what_is_in_quarantine(story: Story, sample) -> None:
    """The reasons are what tells a new file format from a few slips of the pen."""
    truth = sample.truth["quarantined"]
    lines = truth["lines"] + story.bad_lines
    of_that_kind = truth["by_reason"]["quantity_not_an_integer"] + story.bad_lines
    assert f"Quarantined {lines:,} lines, see silver.quarantined_lines" in story.third.out
    assert f"{of_that_kind:,} quantity_not_an_integer" in story.third.out


def test_plain_dbt_builds_the_same_gold(built, working, sample, dbt: Dbt, folder: Path) -> None:
    """The command, and all other tests, tune dbt; whoever runs `dbt build` gets the same tables, only later."""
    land([sample.folder], working.url)
    # dbt goes on from its last parse.
    shutil.copy(dbt.target_path / "partial_parse.msgpack", folder)
    options = [f"--project-dir={PROJECT_ROOT}", f"--profiles-dir={PROJECT_ROOT}", f"--target-path={folder}"]
    done = subprocess.run(
        [Path(sys.executable).parent / "dbt", "build", "--exclude-resource-type=unit_test", *options],
        env=os.environ | environment() | {"DBT_LOG_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert fingerprints(working.url, without=BOOKKEEPING) == fingerprints(built.url, without=BOOKKEEPING)


# Options


class Variables(NamedTuple):
    """A build with another value of a variable, two without it, and the times that the first has written."""

    first: Answer
    second: Answer
    third: Answer
    times: dict[str, Any]


@pytest.fixture(scope="module")
def variables(work_on, build_here: Callable[..., Answer]) -> Variables:
    """Build a line that is outside of the calendar, and then let the calendar reach it."""
    with work_on(), TemporaryDirectory(prefix="retail-") as parent:
        times, target, files = (Path(parent, name) for name in ("times.json", "target", "files"))
        files.mkdir()
        (files / "one.csv").write_text(HEADER + GOOD_LINE)
        options = ("--vars", "{calendar_end: '2010-01-01'}", "--json", times)
        # Parsed apart, as other values make dbt parse the whole project anew.
        with patch.object(log, "SECONDS_BETWEEN", 0):
            first = build_here(files, *options, **environment() | {"DBT_TARGET_PATH": str(target)})
        answers = first, build_here(files, **environment()), build_here(files, **environment())
        return Variables(*answers, json.loads(times.read_text()) if times.exists() else {})


def test_variables_take_effect_and_times_are_written(variables: Variables) -> None:
    """A benchmark or a trial sets a variable for one build, and wants to know where its time went."""
    assert variables.first.code == 0, variables.first.err
    assert "1 invoice_date_out_of_range" in variables.first.out
    written = variables.times
    assert re.fullmatch(r"[0-9a-f-]{36}", written["invocation_id"])
    assert {"land", "build and test"} <= written["steps"].keys()
    spans = [*written["steps"].values(), *written["beside"].values()]
    assert all(0 < began <= ended for began, ended in spans)


def test_progress_ends_at_the_total(variables: Variables) -> None:
    """A count that passes its total makes the reader doubt all other counts."""
    counts = re.findall(
        r"build and test, (\d+) of (\d+) models and checks are done$", variables.first.out, re.MULTILINE
    )
    (total,) = {int(total) for _, total in counts}
    assert sorted(int(done) for done, _ in counts) == list(range(1, total + 1))


def test_build_says_what_came_back_from_quarantine(variables: Variables) -> None:
    """Whoever mends a rule for some lines wants to read that they are in, and reads it once."""
    first, second, third = variables[:3]
    assert "Released    1 line, see silver.quarantine_log: 1 rule_changed" in second.out, second
    assert "Released" not in first.out + third.out


def test_one_file_is_told_in_the_singular(variables: Variables) -> None:
    """A file a day is the commonest build, and its report is read every morning."""
    first = r"^Landed +1 file with 1 row from \S+, 0 rows rejected, 0 files were here"
    assert re.search(first, variables.first.out, re.MULTILINE)
    second = r"^Landed +0 files with 0 rows from \S+, 0 rows rejected, 1 file was here"
    assert re.search(second, variables.second.out, re.MULTILINE)


def test_variables_that_are_none_are_refused_before_anything_lands(refuse: Callable[..., Answer], folder: Path) -> None:
    """A slip of the pen must not cost the landing of a night's files."""
    for slip in ("{", "calendar_end"):
        answer = refuse(folder, "--vars", slip)
        assert answer.code == 2
        assert "give names and values in YAML" in answer.err


# Warnings

# The tables of runs, as far as the command reads them.
RUN_TABLES = """
    create schema audit;
    create table audit.runs (
        invocation_id text, command text, target text, is_full_refresh boolean, status text
    );
    create table audit.node_results (
        invocation_id text, unique_id text, name text, resource_type text, status text, started_at timestamptz,
        seconds numeric, failures bigint
    )
"""
# What is on record of earlier runs: of one of the checks that will warn, two runs.
EARLIER_RUNS = """
    delete from audit.runs;
    insert into audit.runs (invocation_id, command, target, is_full_refresh, status)
    select run, 'dbt build', 'prod', false, 'fail' from unnest(array['1', '2']) as runs (run);
    insert into audit.node_results (
        invocation_id, unique_id, name, resource_type, status, started_at, seconds, failures
    )
    values
        ('1', 'test.1', 'assert_invoices_name_one_customer', 'test', 'warn', '2024-01-01', 0, 5),
        ('2', 'test.1', 'assert_invoices_name_one_customer', 'test', 'warn', '2024-01-02', 0, 3)
"""


@pytest.fixture(scope="module")
def warned(built, work_on, build_here: Callable[..., Answer]) -> Answer:
    """Build with a snapshot that somebody has dropped, from an invoice of two customers and a return that gives out."""
    with work_on(built) as warehouse, TemporaryDirectory(prefix="retail-") as folder:
        with psycopg.connect(warehouse.url) as session:
            session.execute("drop table history.snp_customer_versions")
            session.execute(EARLIER_RUNS)
        lines = [GOOD_LINE, GOOD_LINE.replace("17850", "17851"), f"C{GOOD_LINE}"]
        Path(folder, "odd.csv").write_text(HEADER + "".join(lines))
        return build_here(folder, **environment())


def test_build_goes_on_with_what_it_warns_of(warned: Answer) -> None:
    """One slip in one invoice is no reason to serve nobody."""
    assert (warned.code, warned.err) == (0, "")


def test_lost_snapshot_is_told(warned: Answer) -> None:
    """Gold looks as ever: who built it must learn here that what was believed before is gone."""
    told = re.findall(r"^Warning +(.*)$", warned.out, re.MULTILINE)
    assert len(told) == 1, warned.out
    assert told[0].startswith("history.snp_customer_versions is missing although gold.dim_customer was built from it")


def test_check_that_warns_is_told_with_where_to_look(warned: Answer) -> None:
    """It fails nothing, so if it is not read here it is not read at all."""
    check = "assert_invoices_name_one_customer"
    assert f"warning: check {check} found 1 row (3 in the run before): select * from audit.{check}" in warned.out


def test_rule_that_warns_is_told_by_its_name(warned: Answer) -> None:
    """A table has a dozen rules: which of them is broken should not take another query."""
    check = "fct_invoices_obeys_its_rules"
    assert f"warning: check {check} found 1 row (units_are_taken_back 1): select * from audit.{check}" in warned.out


@pytest.mark.parametrize("on_record", [False, True], ids=["no runs", "this run only"])
def test_what_was_before_the_first_run_is_not_told(monkeypatch, working, on_record: bool) -> None:
    """A number that nobody has counted would be taken for a trend."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    with psycopg.connect(working.url) as session:
        if on_record:
            session.execute(f"{RUN_TABLES}; {EARLIER_RUNS}")
            session.execute("delete from audit.node_results where invocation_id = '1'")
            session.execute("update audit.node_results set invocation_id = 'this run'")
        check = Step("test", "assert_invoices_name_one_customer", "warn", failures=1)
        assert found_before(session, [check], "this run") == {}
    assert check.complaint() == "check assert_invoices_name_one_customer found 1 row: see logs/dbt.log"


def test_first_build_warns_of_nothing(story: Story) -> None:
    """Nothing can have been lost yet."""
    assert "warning" not in story.first.out.lower()


# Refusals


def assert_refused(answer: Answer, *words: str, lines: int = 1) -> None:
    """Check for lines that begin with `Error:`, of which the last has these words, and no traceback."""
    assert answer.code == 1, answer
    told = answer.err.splitlines()
    assert len(told) == lines, answer.err
    assert all(line.startswith("Error: ") for line in told), answer.err
    for word in words:
        assert word in told[-1]


def assert_nothing_landed(url: str) -> None:
    """Check that the database holds no rows of ours."""
    with psycopg.connect(url) as session:
        tables = session.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'bronze'"
            " and tablename not in ('refused_files', 'schema_revision', 'erasure_pepper')"
        ).fetchall()
        for (table,) in tables:
            assert session.execute(f"select count(*) from {table}").fetchone() == (0,), table
        schemas = (
            "select count(*) from pg_namespace where nspname in ('silver', 'history', 'profiles', 'gold', 'audit')"
        )
        schemas = "select count(*) from pg_namespace where nspname in ('silver', 'history', 'profiles', 'gold')"
        assert session.execute(schemas).fetchone() == (0,)
        tables = "select count(*) from pg_tables where schemaname = 'audit' and tablename <> 'events'"
        assert session.execute(tables).fetchone() == (0,)


def test_no_such_landing_is_refused(refuse: Callable[..., Answer], database, folder: Path) -> None:
    """A slip in the path is the commonest mistake of all."""
    answer = refuse(folder / "nowhere", **environment(database.name))
    assert_refused(answer, f"{folder}/nowhere: no such file or folder")
    assert_nothing_landed(database.url)


def test_empty_folder_is_refused(refuse: Callable[..., Answer], database, folder: Path) -> None:
    """Yesterday's warehouse, built again from nothing, would look like today's."""
    assert_refused(refuse(folder, **environment(database.name)), f"{folder}: nothing to land")
    assert_nothing_landed(database.url)


def test_file_without_a_required_column_is_refused(refuse: Callable[..., Answer], database, folder: Path) -> None:
    """A renamed column must not become a column of nulls."""
    (folder / "sales.csv").write_text(HEADER.replace("Price", "Preis") + GOOD_LINE)
    answer = refuse(folder, **environment(database.name))
    assert_refused(answer, "1 of 1 files refused, so nothing was built", lines=2)
    assert answer.err.startswith("Error: sales.csv: ")
    assert "Price" in answer.err.splitlines()[0]
    assert_nothing_landed(database.url)


def test_each_refused_file_is_told_in_a_line(refuse: Callable[..., Answer], database, folder: Path) -> None:
    """Told one by one, a run each, ten broken files would take ten mornings."""
    (folder / "a.csv").write_bytes(b"")
    (folder / "b.parquet").write_bytes(b"PAR1 no parquet")
    (folder / "c.csv").write_text(HEADER)
    (folder / "d.csv").write_text(HEADER + GOOD_LINE)
    (folder / "e.csv").symlink_to(folder / "gone.csv")
    answer = refuse(folder, "--json", folder / "build.json", **environment(database.name))
    assert_refused(answer, "3 of 5 files refused, so nothing was built", "ON_REFUSED=skip", lines=4)
    # A program that follows the build knows by this that another attempt is pointless.
    assert json.loads((folder / "build.json").read_text())["invocation_id"] is None
    assert [line.split(":")[1].strip() for line in answer.err.splitlines()[:3]] == ["a.csv", "b.parquet", "e.csv"]


def test_refused_files_can_be_skipped(
    refuse: Callable[..., Answer], database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken file must not keep a hundred shops without their figures, if the user says so."""
    built = SimpleNamespace(build=lambda **_: Outcome([], [], ""))
    monkeypatch.setattr(command, "load_dbt", lambda *_: built)
    (folder / "a.csv").write_bytes(b"")
    (folder / "[b].csv").write_text(HEADER + GOOD_LINE)
    answer = refuse(folder, "--on-refused", "skip", **environment(database.name))
    assert (answer.code, answer.err) == (0, "")
    assert "Refused     1 file, whose rows are in no total; see bronze.refused_files\n" in answer.out
    assert "            a.csv: the file is empty.\n" in answer.out
    assert answer.out.index("Published") < answer.out.index("Refused")


def test_skipping_all_files_is_no_build(refuse: Callable[..., Answer], database, folder: Path) -> None:
    """A folder without one good file is a mistake, not a delivery."""
    (folder / "a.csv").write_bytes(b"")
    answer = refuse(folder, "--on-refused", "skip", **environment(database.name))
    assert_refused(answer, "1 of 1 files refused, so nothing was built", lines=2)


def test_good_file_beside_refused_ones_lands_whole(refuse: Callable[..., Answer], database, folder: Path) -> None:
    """What is mended and handed over again must add to what is there, and that must be whole files."""
    (folder / "a.csv").write_text(HEADER + GOOD_LINE * 3 + ('"' + GOOD_LINE) * 20)
    (folder / "b.csv").write_text(HEADER + GOOD_LINE * 3)
    assert refuse(folder, **environment(database.name)).code == 1
    with psycopg.connect(database.url) as session:
        assert session.execute("select name, rows_loaded from bronze.landed_files").fetchall() == [("b.csv", 3)]
        assert session.execute("select count(*) from bronze.transactions").fetchone() == (3,)


def test_no_sample_lands_among_real_sales(refuse: Callable[..., Answer], database) -> None:
    """A scheduler that forgets LANDING must not put invented sales into the books."""
    answer = refuse(**environment(database.name))
    assert_refused(answer, "nothing has landed in target 'prod'", "LANDING=")
    assert_nothing_landed(database.url)


def test_developer_lands_nothing(refuse: Callable[..., Answer], database, sample) -> None:
    """Bronze is shared: what a developer lands, production would count."""
    variables = environment(database.name) | {"DBT_TARGET": "dev", "DBT_SCHEMA": "ann"}
    assert_refused(refuse(sample.folder, **variables), "target 'dev' builds from what `prod` has landed")
    assert_nothing_landed(database.url)


def test_developer_without_a_prefix_is_told_so(refuse: Callable[..., Answer], database) -> None:
    """Found out only by dbt, it would be after the landing, and in dbt's words."""
    answer = refuse(**environment(database.name) | {"DBT_TARGET": "dev"})
    assert_refused(answer, "target 'dev' needs DBT_SCHEMA")


def test_a_second_build_waits_for_the_first(
    refuse: Callable[..., Answer], working, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two builds at once would rename each other's tables away, and a wait in the server would hold a snapshot."""
    monkeypatch.setattr(locks, "SECONDS_OF_SILENCE", 0)
    (folder / "sales.csv").write_bytes(b"")
    with psycopg.connect(working.url, autocommit=True) as first:
        first.execute("select pg_advisory_lock(%s)", [locks.BUILD_LOCK])
        pid = first.info.backend_pid
        with ThreadPoolExecutor() as pool:
            second = pool.submit(refuse, folder, **environment())
            waiting = """
                select count(*) from pg_stat_activity
                where application_name = 'scripts.build' and query like '%pg_locks%' and state = 'idle'
            """
            deadline = time.monotonic() + 30
            while first.execute(waiting).fetchone() == (0,):
                assert not second.done(), second.result()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(0.5)
            assert first.execute("select count(*) from pg_locks where not granted").fetchone() == (0,)
            first.execute("select pg_advisory_unlock(%s)", [locks.BUILD_LOCK])
            answer = second.result()
    holder = f"process {pid} (role retail_builder, application none, since "
    assert answer.out.startswith(f"Waiting     for the build lock, which {holder}")
    assert_refused(answer, "1 of 1 files refused", lines=2)


def test_a_build_does_not_wait_for_ever(
    refuse: Callable[..., Answer], working, sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any role may take the lock, so the wait must end in a line that says who holds it."""
    monkeypatch.setattr(command, "PATIENCE_SECONDS", 0.2)
    with psycopg.connect(working.url, autocommit=True) as first:
        first.execute("select pg_advisory_lock(%s)", [locks.BUILD_LOCK])
        answer = refuse(sample.folder, **environment())
        assert_refused(answer, "for the build lock", f"process {first.info.backend_pid} (", "run this again")


def test_the_sample_makes_way_for_real_files(database, sample, tmp_path: Path) -> None:
    """Nothing of what was made up may be left when real sales come, and nothing of what others made may be lost."""
    land([sample.folder], database.url)
    with psycopg.connect(database.url, autocommit=True) as session:
        session.execute("create schema gold create table gold.fct_sales (sales_key bigint)")
        session.execute("create schema notes create table notes.of_an_analyst (word text)")
        made_up.mark(session, held=True)
        assert made_up.is_held(session)
        made_up.give_way(session)
        assert not made_up.is_held(session)
        left = session.execute(
            "select to_regclass('gold.fct_sales'), to_regclass('notes.of_an_analyst')::text"
        ).fetchone()
    assert left == (None, "notes.of_an_analyst")
    assert_nothing_landed(database.url)


def test_too_old_a_server_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found out in the middle of the build, it would be a riddle about a function that does not exist."""
    monkeypatch.setattr(connection, "OLDEST_VERSION", 99)
    with pytest.raises(Refusal, match=r"is PostgreSQL \d+: version 99 or newer is needed"):
        connection.connect()


def test_unknown_target_is_refused(refuse: Callable[..., Answer], sample) -> None:
    """A slip in DBT_TARGET must not build somewhere else."""
    assert_refused(refuse(sample.folder, DBT_TARGET="pord"), "target 'pord' is not in profiles.yml", "DBT_TARGET")


def test_missing_variables_are_named(refuse: Callable[..., Answer], sample) -> None:
    """All of them at once, and not as a stack trace out of Jinja."""
    answer = refuse(sample.folder, DBT_TARGET="prod", PGHOST="localhost", PGUSER="postgres")
    assert_refused(answer, "target 'prod' needs PGPASSWORD, PGDATABASE")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PGHOST": "/nowhere"}, "/nowhere"),
        ({"PGDATABASE": "no_such_database"}, 'database "no_such_database" does not exist'),
        ({"PGUSER": "nobody_we_know"}, 'role "nobody_we_know" does not exist'),
        ({"PGUSER": "guarded", "PGPASSWORD": "wrong"}, 'password authentication failed for user "guarded"'),
    ],
    ids=["server down", "no database", "no user", "wrong password"],
)
@pytest.mark.usefixtures("guarded")
def test_server_that_does_not_let_us_in_is_told(
    variables: dict[str, str], words: str, refuse: Callable[..., Answer], database, sample
) -> None:
    """The server knows best what is wrong, so its own words are passed on, in one line and with what to do."""
    answer = refuse(sample.folder, **environment(database.name) | variables)
    assert_refused(answer, words, "check the PG* variables")
    assert_nothing_landed(database.url)


@pytest.fixture
def guarded(server: str) -> Iterator[None]:
    """Make a user who needs a password, on a server that trusts all others."""
    with psycopg.connect(server, autocommit=True) as session:
        rules = Path(session.execute("show hba_file").fetchone()[0])
        trusting = rules.read_text()
        session.execute("create role guarded login password 'right'")
        rules.write_text(f"local all guarded scram-sha-256\n{trusting}")
        session.execute("select pg_reload_conf()")
        yield
        rules.write_text(trusting)
        session.execute("select pg_reload_conf()")
        session.execute("drop role guarded")
