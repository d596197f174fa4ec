"""The log of events: who writes to it, and what `make audit` finds when somebody changes it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from dbt_project import environment
from harness import Database

from scripts import revisions
from scripts.build.report import LogEnd, end_of_log
from scripts.governance.events import chain, evidence
from scripts.governance.events.__main__ import main
from scripts.land import land

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ROW = "1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,UK\n"
SHOW = "select kind, subject, details from audit.events order by event_id desc limit 1"
# What an insider with the password of the superuser does first.
UNLOCK = "alter table audit.events disable trigger append_only"


def do(url: str, *statements: str) -> list[tuple]:
    """Run statements, each in its own transaction; return the rows of the last one."""
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def problems(database: Database, *anchors: chain.Anchor) -> list[str]:
    with psycopg.connect(database.operator_url) as session:
        return chain.problems(session, anchors)


def end(database: Database) -> chain.Anchor:
    with psycopg.connect(database.operator_url) as session:
        (event,) = chain.last(session, 1)
        return chain.Anchor(event.event_id, event.hash)


def land_file(database: Database, folder: Path, rows: int) -> None:
    (folder / f"{rows}.csv").write_text(HEADER + ROW * rows)
    land([folder], database.url)


@pytest.fixture
def log(database: Database, tmp_path: Path) -> Database:
    """Land two files in two commands, and give the log to its own role: four events."""
    land_file(database, tmp_path, 1)
    land_file(database, tmp_path, 2)
    with psycopg.connect(database.operator_url, autocommit=True) as session:
        revisions.protect(session)
        session.execute("select audit.record_event('note', 'something', '{\"of\": 1.50}')")
    assert problems(database) == []
    return database


@pytest.fixture
def users(log: Database) -> Iterator[dict[str, str]]:
    """Make two stewards with logins and one customer; yield how each connects."""
    names = ("ann", "bob")
    do(
        log.operator_url,
        "create schema profiles authorization retail_builder",
        "create table profiles.dim_customer_profile (customer_id integer, full_name text, valid_from date)",
        "alter table profiles.dim_customer_profile owner to retail_builder",
        "insert into profiles.dim_customer_profile values (7, 'Ada', '2011-01-01')",
        "set role retail_builder; create function profiles.profile_in_clear(wanted integer, purpose text)"
        " returns table (customer_id integer, full_name text) language sql security definer"
        " begin atomic select p.customer_id, p.full_name from profiles.dim_customer_profile as p"
        " where p.customer_id = wanted; end",
        "reset role",
        "revoke execute on function profiles.profile_in_clear from public",
        "grant usage on schema profiles to retail_audit_owner",
        "grant execute on function profiles.profile_in_clear to retail_audit_owner",
        *(f"create role {name} login" for name in names),
        "grant usage on schema audit to ann, bob",
        "grant execute on all functions in schema audit to ann, bob",
    )
    yield {name: log.operator_url.replace("postgres@", f"{name}@") for name in names}
    do(log.operator_url, "drop owned by ann, bob", "drop role ann, bob")


# What changes the log


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("update audit.events set subject = 'nothing' where event_id = 2", "event 2 was edited, or inserted by hand"),
        ("update audit.events set recorded_by = 'ann' where event_id = 4", "event 4 was edited, or inserted by hand"),
        ("update audit.events set details = details || '{\"rows\": 0}' where event_id = 3", "event 3 was edited, or"),
        ("delete from audit.events where event_id = 3", "event 3 is missing"),
        ("delete from audit.events where event_id in (1, 2)", "events 1 to 2 are missing"),
        (
            "insert into audit.events select 5, now(), 'ann', 'note', 'x', '{}', hash, repeat('0', 64)"
            " from audit.events where event_id = 4",
            "event 5 was edited, or inserted by hand",
        ),
        (
            "update audit.events set subject = 'nothing', hash = audit.event_hash(event_id, recorded_at, recorded_by,"
            " kind, 'nothing', details, previous_hash) where event_id = 2",
            "event 3 does not continue event 2, which was replaced",
        ),
    ],
)
def test_a_change_is_found(log: Database, change: str, problem: str) -> None:
    """A superuser can write anywhere, so a change that cannot be prevented has to show."""
    do(log.operator_url, UNLOCK, change)
    assert problems(log)[0].startswith(problem)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (["delete from audit.events where event_id = 4"], "the log ends at event 3, but an anchor names event 4"),
        (
            ["truncate audit.events", *["select audit.record_event('note', 'something else')"] * 4],
            "event 4 has another hash than its anchor",
        ),
    ],
)
def test_an_anchor_finds_what_the_chain_cannot(log: Database, change: list[str], problem: str) -> None:
    """A chain that was cut at its end, restored from a backup, or written again is whole in itself."""
    anchor = end(log)
    do(log.operator_url, UNLOCK, *change)
    assert not [found for found in problems(log) if "event" in found and "no event" not in found]
    assert problems(log, anchor)[0].startswith(problem)


@pytest.mark.parametrize(
    "change", ["update audit.events set kind = 'x'", "delete from audit.events", "truncate audit.events"]
)
def test_rows_are_only_added(log: Database, change: str) -> None:
    """A mistake of a superuser must not take evidence away."""
    with pytest.raises(psycopg.errors.RaiseException, match="takes new rows only"):
        do(log.operator_url, change)


@pytest.mark.parametrize(
    "change",
    [
        "update audit.events set kind = 'x'",
        "delete from audit.events",
        "truncate audit.events",
        "insert into audit.events select * from audit.events",
        "drop table audit.events",
        "drop schema audit cascade",
        UNLOCK,
        "alter table audit.events owner to retail_builder",
        "set role retail_audit_owner",
        "create or replace function audit.record_event(kind text, subject text, details jsonb) returns bigint"
        " language sql as 'select 1::bigint'",
        "drop function audit.record_event(text, text, jsonb)",
        "create trigger silent before insert on audit.events for each row execute function audit.refuse_changes()",
    ],
)
def test_the_builder_cannot_change_the_log(log: Database, change: str) -> None:
    """Who builds must not be able to hide what was built."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        do(log.url, change)
    assert problems(log) == []


def test_the_loader_records_landings_only(log: Database) -> None:
    """Code that reads untrusted files must not be able to write a release into the log."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        do(log.url, "set role retail_loader", "select audit.record_event('release', 'release 1')")


# What is recorded


def test_a_landing_is_one_event(log: Database, tmp_path: Path) -> None:
    """An auditor asks who brought which files, and three hundred events for one delivery answer nobody."""
    for rows in (3, 4, 5):
        (tmp_path / f"{rows}.csv").write_text(HEADER + ROW * rows)
    (tmp_path / "empty.csv").write_text("")
    land([tmp_path], log.url)
    [(kind, _, details)] = do(log.url, SHOW)
    facts = {
        name: details[name] for name in ("command", "files", "rows", "files_refused", "first_file_id", "last_file_id")
    }
    assert kind == "landing"
    assert facts == {
        "command": "land", "files": 3, "rows": 12, "files_refused": 1, "first_file_id": 3, "last_file_id": 5
    }  # fmt: skip


def test_files_of_a_command_that_was_killed_are_recorded_by_the_next(log: Database, tmp_path: Path) -> None:
    """Files land one by one, so a command that is killed leaves files without an event."""
    do(
        log.url,
        "insert into bronze.landed_files select 3, source, 'c.csv', repeat('c', 64), 9, format, 0, 0, 0, started_at,"
        " landed_at from bronze.landed_files where file_id = 1",
        "select nextval('bronze.landed_files_file_id_seq')",
    )
    assert problems(log) == ["file 3 landed, and no event says so"]
    land_file(log, tmp_path, 4)
    assert problems(log) == []
    [(_, _, details)] = do(log.url, SHOW)
    assert (details["first_file_id"], details["last_file_id"], details["files"]) == (3, 4, 2)


def test_a_dry_run_leaves_no_event(log: Database, tmp_path: Path) -> None:
    """What did not happen must not be on record."""
    before = end(log)
    (tmp_path / "5.csv").write_text(HEADER + ROW * 5)
    land([tmp_path], log.url, dry_run=True)
    assert end(log) == before


def test_an_event_waits_for_the_one_before(log: Database) -> None:
    """Two events that continue the same one would break the chain; the message names who is in the way."""
    do(log.operator_url, "alter function audit.lock_events() set lock_timeout = '50ms'")
    with psycopg.connect(log.url) as first:
        first.execute("select audit.record_event('note', 'first')")
        with pytest.raises(
            psycopg.errors.LockNotAvailable, match=f"by process {first.info.backend_pid}: nothing changed"
        ):
            do(log.url, "select audit.record_event('note', 'second')")
        # A session that only sits there is ended by the server.
        assert first.execute("show idle_in_transaction_session_timeout").fetchone() == ("30s",)
    do(log.url, "select audit.record_event('note', 'second')")
    assert problems(log) == []


def test_an_event_that_is_rolled_back_leaves_no_gap(log: Database) -> None:
    """A gap has to mean that somebody removed an event."""
    with psycopg.connect(log.url) as session:
        session.execute("select audit.record_event('note', 'taken back')")
        session.rollback()
    do(log.url, "select audit.record_event('note', 'kept')")
    assert problems(log) == []


def test_an_event_sees_the_last_event(log: Database) -> None:
    """In a transaction with an old snapshot, an event would continue the wrong one."""
    with pytest.raises(psycopg.errors.RaiseException, match="needs a read committed transaction"):
        do(log.url, "begin isolation level repeatable read; select audit.record_event('note', 'x')")


# People


def test_a_profile_is_read_after_the_event_is_committed(users: dict[str, str]) -> None:
    """If one transaction could do both, a rollback would take the event back after the profile was seen."""
    announce, read = (
        "select audit.announce_reading(7, 'complaint 4711')",
        "select audit.read_profile(7) ->> 'full_name'",
    )
    for too_early in (
        read,
        f"begin; {announce}; {read}; rollback",
        f"begin; savepoint s; {announce}; {read}; rollback",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="no reading of customer 7 is on record"):
            do(users["ann"], too_early)
    assert do(users["ann"], announce, read) == [("Ada",)]
    with pytest.raises(psycopg.errors.RaiseException, match="no reading of customer 7 is on record"):
        do(users["bob"], read)
    with pytest.raises(psycopg.errors.RaiseException, match="no reading of customer 8 is on record"):
        do(users["ann"], "select audit.read_profile(8)")


def test_a_reading_has_a_reason(log: Database, users: dict[str, str]) -> None:
    """An event without a reason does not tell a need from curiosity."""
    with pytest.raises(psycopg.errors.RaiseException, match="a reason of at least 5 characters: nothing was recorded"):
        do(users["ann"], "select audit.announce_reading(7, '  ok ')")
    do(users["ann"], "select audit.announce_reading(7, 'complaint 4711')")
    assert do(log.url, SHOW.replace("details", "recorded_by")) == [("reading announced", "customer 7", "ann")]


def test_an_erasure_needs_four_eyes(log: Database, users: dict[str, str]) -> None:
    """What is erased cannot be brought back, so one person alone must not decide."""
    [(request,)] = do(users["ann"], "select audit.request_erasure(7, 'letter of May 2')")
    approve = f"select audit.approve_erasure({request})"
    with pytest.raises(
        psycopg.errors.RaiseException, match="ann requested this erasure, so another user must approve it"
    ):
        do(users["ann"], approve)
    do(users["bob"], approve)
    with pytest.raises(psycopg.errors.RaiseException, match=f"request {request} is approved already"):
        do(users["bob"], approve)
    with pytest.raises(psycopg.errors.RaiseException, match="event 1 is no request"):
        do(users["bob"], "select audit.approve_erasure(1)")
    shown = "select customer_id, requested_by, approved_by, erased_at from audit.erasures"
    assert do(log.url, shown) == [(7, "ann", "bob", None)]


# The commands


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, arguments)
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch, log: Database) -> Database:
    """Make the database the target in use."""
    for name, value in environment(log.name).items():
        monkeypatch.setenv(name, value)
    return log


def test_the_command_verifies_and_keeps_anchors(target: Database, tmp_path: Path) -> None:
    """The end of the log has to be kept where nobody who can change the log can change it as well."""
    file = tmp_path / "anchors.jsonl"
    code, said = run("verify", "--anchor", str(file))
    assert (code, said.splitlines()[-1].split(",")[0]) == (0, "The log is as it was written: 4 events")
    run("verify", "--anchor", str(file))
    assert [json.loads(line)["event_id"] for line in file.read_text().splitlines()] == [4]
    do(target.operator_url, UNLOCK, "delete from audit.events where event_id = 4")
    code, said = run("verify", "--anchor", str(file))
    assert code == 1
    assert "Warning: the trigger append_only is off" in said
    assert "Error: the log ends at event 3, but an anchor names event 4: its end was cut, or the warehouse was" in said
    assert [json.loads(line)["event_id"] for line in file.read_text().splitlines()] == [4]
    file.write_text("no anchor\n")
    assert run("verify", "--anchor", str(file))[1].startswith(f"Error: {file}: line 1 is no anchor")


@pytest.mark.usefixtures("target")
def test_evidence_before_the_first_release_is_refused_in_one_line() -> None:
    """Without a number, the command takes the last release, and there may be none."""
    assert run("release") == (1, "Error: the log has no release yet: run `make build`.\n")


def test_a_database_without_a_log_says_so(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    """A traceback would say nothing to an auditor."""
    for name, value in environment(database.name).items():
        monkeypatch.setenv(name, value)
    assert run("verify") == (
        1,
        "Error: this warehouse has no log of events: run `make build`, or `make migrate` if it holds data.\n",
    )


def test_a_release_has_its_evidence(monkeypatch: pytest.MonkeyPatch, copy_of_built: Database) -> None:
    """An auditor asks who approved a release, which checks passed, and from which files it came."""
    for name, value in environment(copy_of_built.name).items():
        monkeypatch.setenv(name, value)
    found = json.loads(run("release", "1", "--json")[1])
    [(files, passed)] = do(copy_of_built.url, "select files, checks_passed from audit.releases")
    assert (len(found["files"]), found["checks_passed"], found["released_by"]) == (files, passed, "retail_builder")
    assert sum(landing["details"]["files"] for landing in found["landings"]) == files
    assert f"{len(passed)} passed" in run("release", "1")[1]
    assert json.loads(run("release", "--json")[1]) == found
    assert run("release", "2")[1] == "Error: release 2 has no event: `make published` shows the present one.\n"
    assert [kind for (kind,) in do(copy_of_built.url, "select kind from audit.events order by event_id limit 4")] == [
        "log begun", "landing", "release", "build"
    ]  # fmt: skip
    assert problems(copy_of_built) == []
    with psycopg.connect(copy_of_built.url) as session:
        assert end_of_log(session) == LogEnd(*end(copy_of_built))
    do(copy_of_built.url, "update audit.releases set published_at = published_at - interval '1 day'")
    assert problems(copy_of_built) == ["release 1 is not what its event says"]
    do(copy_of_built.url, "delete from audit.releases")
    assert problems(copy_of_built) == ["release 1 was removed from audit.releases"]


@pytest.mark.parametrize(
    ("message", "remarks"),
    [
        ("Add", ["no reviewer: the commit has no trailer Reviewed-by"]),
        ("Add\n\nReviewed-by: Ann <a@b.example>", ["the author is the only reviewer"]),
        ("Add\n\nReviewed-by: Bob <b@b.example>", []),
    ],
)
def test_the_reviewer_is_read_from_the_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, message: str, remarks: list[str]
) -> None:
    """A reviewer that a command line could name would prove nothing: the commit is what was approved."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=Ann", "-c", "user.email=a@b.example"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", message], check=True)
    monkeypatch.setattr(evidence, "PROJECT_ROOT", tmp_path)
    found = evidence.commit("HEAD")
    assert (found["author"], found["remarks"]) == ("Ann <a@b.example>", remarks)
    assert found["reviewed_by"] == [line.partition(": ")[2] for line in message.splitlines()[2:]]
    assert evidence.commit("HEAD-dirty")["remarks"][0].startswith("files differed")
    assert evidence.commit("0" * 40)["remarks"] == ["the commit is not in this repository: run `git fetch`"]
