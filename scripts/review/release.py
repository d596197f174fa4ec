"""The release that a review compares with. The review reads it, and writes to schemas of its own only."""

from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from scripts import connection
from scripts.errors import Refusal
from scripts.review.code import Code, differing_files

BUILDS = "^dbt (build|run|seed|snapshot)"


@dataclass(frozen=True)
class Release:
    """What readers see now.

    Attributes:
        number: its number.
        commit: that of the last complete build, which made it or left it as it is.
        runs: how many builds began so far, so that a later look shows whether one began meanwhile.
    """

    number: int
    commit: str
    runs: int


def present(session: psycopg.Connection) -> Release:
    """Return the release that readers see.

    Args:
        session: a connection to the warehouse.

    Raises:
        Refusal: nothing is released, or what lies below the release was built since and not released.
    """
    audit = connection.audit_schema()
    if session.execute("select to_regclass(%s)", [f"{audit}.releases"]).fetchone() == (None,):
        raise Refusal("there is no release to compare with: run `make build` on the base first.")
    row = session.execute(_in(audit, RELEASE), [BUILDS]).fetchone()
    if row is None:
        raise Refusal("there is no release to compare with: run `make build` on the base first.")
    number, kind, commit, runs, running, is_unreleased = row
    if running:
        raise Refusal(
            f"the warehouse is being built ({running}): review again when that has ended, or run `make build` if it was"
            " killed."
        )
    if kind == "rollback":
        raise Refusal(
            f"release {number} is a rollback, and the tables below it are of the release that was taken back: "
            "run `make build` on the base first."
        )
    if is_unreleased or _has_changes(session, audit):
        raise Refusal(
            "the last build of the warehouse was not released, so its tables are not those of the release: "
            "run `make build` on the base first."
        )
    return Release(number, commit or "", runs)


def _has_changes(session: psycopg.Connection, audit: str) -> bool:
    """Return whether a change log holds anything: rows that were changed since the last complete build."""
    logs = session.execute(
        r"select relname from pg_class where relnamespace = to_regnamespace(%s) and relname ~ '__changes$'", [audit]
    ).fetchall()
    one = sql.SQL("exists (select from {})")
    found = sql.SQL(" or ").join(one.format(sql.Identifier(audit, name)) for (name,) in logs)
    return bool(logs) and session.execute(sql.SQL("select {}").format(found)).fetchone() == (True,)


def refuse_another_base(release: Release, code: Code) -> None:
    """Refuse to compare with a release of other code than the base, whose differences would be taken for the head's.

    Args:
        release: the present release.
        code: what is compared.

    Raises:
        Refusal: the release was built from other code, or nobody knows from which.
    """
    remedy = f"build {code.ref} first (`git switch {code.ref} && make build`)"
    if not release.commit:
        raise Refusal(
            f"release {release.number} does not say which commit built it: {remedy}, or set DBT_GIT_COMMIT for "
            "`dbt build`."
        )
    commit, _, is_dirty = release.commit.partition("-")
    if is_dirty:
        raise Refusal(
            f"release {release.number} was built from files that were not committed, on top of {commit}: {remedy}."
        )
    files = differing_files(commit, code.base)
    if files is None:
        raise Refusal(
            f"release {release.number} was built from commit {commit}, which git does not know here: {remedy}."
        )
    if files:
        raise Refusal(
            f"release {release.number} was built from commit {commit}, and files of the base differ from it, such as "
            f"{files[0]} ({len(files)} in all): {remedy}, or name that commit as BASE={commit}."
        )


def _in(audit: str, query: LiteralString) -> sql.Composed:
    return sql.SQL(query).format(audit=sql.Identifier(audit))


RELEASE = """
    select
        releases.release_id,
        releases.kind,
        -- A build that changes nothing publishes nothing: the release is that of its code, too.
        (
            select git_commit
            from {audit}.runs
            where status = 'success' and (command = 'dbt build' or release_id is not null)
            order by started_at desc
            limit 1
        ),
        (select count(*) from {audit}.runs where command ~ %s),
        (
            select runs.command || ', since ' || to_char(runs.started_at, 'HH24:MI:SS')
            from {audit}.runs as runs
            inner join {audit}.writer as writer on runs.invocation_id = writer.invocation_id
            where runs.status = 'running'
            limit 1
        ),
        exists (select from {audit}.candidate_steps) or exists (
            select from {audit}.model_states
            where built_in_full_at > coalesce(succeeded_at, '-infinity')
        )
    from {audit}.releases
    order by releases.release_id desc
    limit 1
"""
