"""Sessions of others: who waits says for whom, and no other role's function is run."""

import random
import threading
import time
from contextlib import closing

import psycopg
import pytest
import yaml

from .project import AUDIT, PUBLISHED, Project
from .versions import Versions

# Each is a better match for a call of ours than PostgreSQL's own, which takes any type.
PLANTED = """
create function public.format(text, text) returns text language sql as $$ select public.note($1) $$;
create function public.format(text, text, text) returns text language sql as $$ select public.note($1) $$;
create function public.concat(text, text) returns text language sql as $$ select public.note($1) $$;
create function public.hashtext(varchar) returns integer language sql as $$ select length(public.note($1)) $$;
create function public.abs(integer) returns integer language sql as $$ select length(public.note('abs')) $$;
create function public.glue(text, integer) returns text language sql as $$ select public.note($1) $$;
create operator public.|| (leftarg = text, rightarg = integer, function = public.glue);
"""


def test_functions_of_others_are_not_run(versions: Versions) -> None:
    """Whoever may create in `public` would act as the role that builds, which may be a superuser."""
    role = f"intruder_{random.randrange(10**9)}"
    versions.ask(f"create role {role}; grant create, usage on schema public to {role}")
    try:
        with psycopg.connect(versions.url, autocommit=True) as session:
            session.execute("create table public.noted (said text); grant all on public.noted to public")
            session.execute(f"set role {role}".encode())
            session.execute(
                "create function public.note(text) returns text language sql as"
                " $$ insert into public.noted values ($1) returning said $$"
            )
            session.execute(PLANTED.encode())
            # where names are looked up in public, they are run
            session.execute("select format('%s'::text, 'x'::text)")
        assert versions.ask("delete from public.noted returning said") == [("%s",)]
        for options in ([], ["--full-refresh"]):
            assert versions.build_version(2, *options), versions.errors
        assert versions.dbt("run-operation", "pg_wap.rollback"), versions.errors
        assert versions.ask("select said from public.noted") == []
    finally:
        versions.ask(f"drop owned by {role}; drop role {role}")


def test_a_lock_of_another_role_is_named(bare: Project) -> None:
    """Any role may hold an advisory lock. Nobody waits for it without a word, nor for ever."""
    role = f"other_{random.randrange(10**9)}"
    bare.ask(f"create role {role}")
    bare.model("one", "select 1 as id")
    with psycopg.connect(bare.url, autocommit=True, application_name="a tool") as session:
        process = session.info.backend_pid
        session.execute(f"set session authorization {role}".encode())
        session.execute(f"select pg_advisory_lock(hashtext('pg_wap'), hashtext('tables of {AUDIT}'))".encode())
        assert not bare.dbt("build", "--vars", "pg_wap_lock_patience_seconds: 1")
    bare.ask(f"drop role {role}")
    message = f"cannot be created: the lock is held by process {process} (a tool of "
    assert message in bare.errors[0]


def test_ten_runs_in_a_queue_get_their_turns_one_by_one(versions: Versions) -> None:
    """Two runs that began at the same moment would each stop the other."""
    template = "{{ pg_wap.take_turn(killed='') }} -- {{ invocation_id }}"
    take, _, mine = versions.compiled(template).rpartition(" -- ")
    working: list[str] = []
    crowds: list[int] = []
    ended: list[str] = []

    def run(name: str) -> None:
        with psycopg.connect(versions.url, autocommit=True) as session:
            while True:
                cursor = session.execute(take.replace(mine, name).encode())
                while cursor.nextset():
                    pass
                if cursor.fetchone() == (True,):
                    break
                time.sleep(0.01)
            working.append(name)
            time.sleep(0.05)
            crowds.append(len(working))
            working.remove(name)
            session.execute(f"delete from {AUDIT}.writer where invocation_id = '{name}'".encode())
            ended.append(name)

    threads = [threading.Thread(target=run, args=[f"run {number}"]) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(ended) == 10
    assert set(crowds) == {1}


def test_nothing_runs_after_a_start_hook_that_failed(versions: Versions) -> None:
    """The models would run on for half a minute, and report another reason than the true one."""
    settings = yaml.safe_load(versions.read("dbt_project.yml"))
    settings["on-run-start"].append("select 1 / 0")
    versions.write("dbt_project.yml", yaml.safe_dump(settings))
    versions.ask("update raw.state set version = 2")
    assert not versions.dbt("build")
    assert [error for error in versions.errors if "division by zero" not in error] == []
    assert {outcome.status for outcome in versions.outcomes.values()} <= {"skipped"}
    assert versions.versions_seen() == {1}


@pytest.mark.parametrize("is_committed", [False, True], ids=["before its commit", "after its commit"])
def test_a_rollback_after_one_that_was_killed_says_what_is_true(is_committed: bool, versions: Versions) -> None:
    """A user whose terminal closed asks again, and must not take back one release more."""
    assert versions.build_version(2), versions.errors
    rollback = versions.compiled("{{ pg_wap.rollback_sql(2) }}")
    with closing(psycopg.connect(versions.url, autocommit=True)) as session:
        session.execute(rollback.removesuffix("commit").encode())
        if is_committed:
            session.execute("commit")
        else:
            # another call meanwhile
            assert not versions.dbt("run-operation", "pg_wap.rollback")
            assert f"another release or rollback of {PUBLISHED} is in progress" in versions.errors[0]
    succeeds = versions.dbt("run-operation", "pg_wap.rollback")
    assert versions.versions_seen() == {1}
    if is_committed:
        assert not succeeds
        assert "nothing to go back to: release 3 took back release 2 already, at 20" in versions.errors[0]
    else:
        assert succeeds, versions.errors
        assert versions.said[-2].startswith("Release 4 (a rollback of 2) is published since ")
    # what the killed one left out
    last = f"(select max(release_id) from {AUDIT}.releases)"
    assert versions.ask(f"select count(*) from {AUDIT}.published_rows where release_id = {last}") == [(3,)]


def test_a_rollback_ends_a_candidate(versions: Versions) -> None:
    """It was built on rows that are taken back: to publish it would write some rows twice."""
    assert versions.build_version(2), versions.errors
    versions.ask("update raw.state set version = 3")
    assert versions.dbt("run"), versions.errors
    assert versions.dbt("test"), versions.errors
    assert versions.dbt("run-operation", "pg_wap.rollback"), versions.errors
    assert not versions.dbt("run-operation", "pg_wap.publish")
    assert "there is nothing to publish" in versions.errors[0]
    assert versions.build_version(3), versions.errors
    assert versions.published()["customers"] == [(1, 3), (2, 0), (13, 3)]
