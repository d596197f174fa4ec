"""Profiles of a release: when they are made, of which types, and when they are refused."""

import threading
import time

import psycopg

from .project import AUDIT, PUBLISHED, Project
from .versions import Versions

PROFILED = f"select distinct release_id, relation from {AUDIT}.column_profiles order by 1, 2"


def test_without_a_release_a_profile_is_refused(bare: Project) -> None:
    """The first command of a newcomer may be this one."""
    assert not bare.dbt("run-operation", "pg_wap.profile")
    assert "there is no release to profile: run `dbt build` first" in bare.errors[0]


def test_a_build_profiles_only_if_it_is_told_to(versions: Versions) -> None:
    """A build has seconds, and a profile reads every row."""
    assert versions.ask(PROFILED) == []
    assert versions.build_version(2, "--vars", "pg_wap_profile_in_build: true"), versions.errors
    relations = [f"{PUBLISHED}.{name}" for name in ("customers", "orders", "shown", "totals")]
    assert versions.ask(PROFILED) == [(2, relation) for relation in relations]
    assert not versions.build_version(-1, "--vars", "pg_wap_profile_in_build: true")
    assert versions.ask(PROFILED) == [(2, relation) for relation in relations]


def test_columns_of_any_type_are_profiled(bare: Project) -> None:
    """Some types of PostgreSQL cannot be compared, and a name may need quotes."""
    bare.model(
        "things",
        """
        {{ config(materialized='table', schema='published') }}
        select
            id,
            case when id < 4 then json_build_object('id', id % 2) end as "A Document",
            array[id % 3] as numbers,
            case id when 1 then 'NaN'::double precision when 2 then 'Infinity' else id end as measure,
            make_interval(days => id) as age,
            null::text as nothing
        from generate_series(1, 5) as id
        """,
    )
    bare.build()
    for rows in (100, 0):
        variables = f"pg_wap_profile_exact_rows: {rows}"
        assert bare.dbt("run-operation", "pg_wap.profile", "--vars", variables), bare.errors
        found = bare.ask(
            "select column_name, null_count, min_value, max_value, bounds[11]"
            f" from {AUDIT}.column_profiles order by position"
        )
        assert found == [
            ("id", 0, "1", "5", "3"),
            ("A Document", 2, '{"id" : 0}', '{"id" : 1}', None),
            ("numbers", 0, "{0}", "{2}", None),
            ("measure", 0, "3", "NaN", "5"),
            ("age", 0, "1 day", "5 days", "3 days"),
            ("nothing", 5, None, None, None),
        ], rows


def test_a_profile_of_two_releases_is_refused(versions: Versions) -> None:
    """Half of the figures of one release, and half of the next, would show a drift that nothing has."""
    with psycopg.connect(versions.url) as other:
        other.execute(f"lock table {AUDIT}.column_profiles in exclusive mode".encode())

        def publish_when_it_waits() -> None:
            waiting = b"select count(*) from pg_locks where not granted"
            while other.execute(waiting).fetchone() == (0,):
                time.sleep(0.02)
            other.execute(
                f"insert into {AUDIT}.releases"
                " (kind, invocation_id, changed_models, checks_passed, checks_warned, took_ms, locked_ms)"
                " values ('publish', 'other', '{}', '{}', '{}', 0, 0)".encode()
            )
            other.commit()

        thread = threading.Thread(target=publish_when_it_waits)
        thread.start()
        done = versions.dbt("run-operation", "pg_wap.profile")
        thread.join()
    assert not done
    assert "another release was published while release 1 was profiled: profile it again" in versions.errors[0]
    assert versions.ask(PROFILED) == []
