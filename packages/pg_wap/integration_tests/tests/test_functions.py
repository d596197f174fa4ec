"""Functions of the published schema belong to the release: their identity, grants and readers outlive it."""

import psycopg

from .project import PUBLISHED
from .versions import FUNCTION, FUNCTION_YAML, Versions

GOLD = f"""
    select relname, pg_class.oid, relacl::text from pg_class where relnamespace = '{PUBLISHED}'::regnamespace
    union all
    select proname, pg_proc.oid, proacl::text from pg_proc where pronamespace = '{PUBLISHED}'::regnamespace
    order by 1
"""
REPORT = f"create view outside.report as select * from {PUBLISHED}.orders_since('2011-01-01')"
SEEN = "select max(version) from outside.report"


def grants(versions: Versions) -> list[tuple[str]]:
    """Return who may run the function."""
    return versions.ask(f"""
        select coalesce(nullif(grantee, 0)::regrole::text, 'public')
        from pg_proc cross join lateral aclexplode(proacl)
        where pronamespace = '{PUBLISHED}'::regnamespace and grantee <> proowner order by 1
    """)


def test_a_build_without_changes_leaves_all_that_readers_use(versions: Versions) -> None:
    """A function that is dropped and created again takes its grants and the views of others with it."""
    versions.ask(f"revoke execute on function {PUBLISHED}.orders_since from public")
    versions.ask(f"grant execute on function {PUBLISHED}.orders_since to pg_monitor")
    versions.ask(REPORT)
    before = versions.ask(GOLD)
    for options in ([], ["--full-refresh"]):
        assert versions.build_version(1, *options), versions.errors
        assert versions.ask(GOLD) == before
    assert versions.ask(SEEN) == [(1,)]


def test_a_view_of_others_on_a_function_follows_its_body(versions: Versions) -> None:
    """Only the body is defined again. Another body may come back as well."""
    versions.ask(REPORT)
    before = versions.ask(GOLD)
    versions.write("functions/orders_since.sql", FUNCTION.replace("version", "10 * version", 1))
    assert versions.build_version(2), versions.errors
    assert versions.ask(SEEN) == [(20,)]
    assert versions.ask(GOLD) == before
    assert versions.dbt("run-operation", "pg_wap.rollback"), versions.errors
    assert versions.ask(SEEN) == [(1,)]
    assert versions.ask(GOLD) == before


def test_other_columns_or_arguments_are_refused_while_a_view_of_others_reads_them(versions: Versions) -> None:
    """PostgreSQL has to drop such a function. The message names the view, and the grants stay."""
    versions.ask(f"revoke execute on function {PUBLISHED}.orders_since from public")
    versions.ask(f"grant execute on function {PUBLISHED}.orders_since to pg_monitor")
    versions.ask(REPORT)
    versions.write(
        "functions/orders_since.sql", FUNCTION.replace("version", "version, day", 1).replace("since", "earliest")
    )
    wider = FUNCTION_YAML.replace("(version integer)", "(version integer, day date)")
    versions.write(
        "functions/orders_since.yml",
        wider.replace("name: since, data_type: date", "name: earliest, data_type: timestamp"),
    )
    assert not versions.build_version(2)
    message = (
        f"the function {PUBLISHED}.orders_since(date) has other columns or arguments than before, and outside.report"
    )
    assert message in " ".join(versions.errors)
    assert versions.ask(SEEN) == [(1,)]
    versions.ask("drop view outside.report")
    assert versions.dbt("run-operation", "pg_wap.publish"), versions.errors
    functions = f"select oid::regprocedure::text from pg_proc where pronamespace = '{PUBLISHED}'::regnamespace"
    assert versions.ask(functions) == [(f"{PUBLISHED}.orders_since(timestamp without time zone)",)]
    assert grants(versions) == [("pg_monitor",)]
    assert versions.dbt("run-operation", "pg_wap.rollback"), versions.errors
    assert versions.ask(functions) == [(f"{PUBLISHED}.orders_since(date)",)]
    assert grants(versions) == [("pg_monitor",)]


def test_readers_of_a_function_meet_no_error_while_it_changes(versions: Versions) -> None:
    """A reader that planned its query before the release must find the function."""
    versions.write("functions/orders_since.sql", FUNCTION.replace("version", "10 * version", 1))
    with psycopg.connect(versions.url, autocommit=True) as session:
        session.execute(f"prepare q as select max(version) from {PUBLISHED}.orders_since('2011-01-01')".encode())
        assert session.execute("execute q").fetchone() == (1,)
        assert versions.build_version(2), versions.errors
        assert session.execute("execute q").fetchone() == (20,)
