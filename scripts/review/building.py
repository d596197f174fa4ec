"""The head beside the release: build what may have other rows, in schemas of its own, and run the checks of it."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from scripts import connection
from scripts.playground import schemas
from scripts.playground.building import is_personal
from scripts.review import nodes, steps
from scripts.review.dbt import BUILT, Project

RELATIONS = """
    select relnamespace::regnamespace::text, relname
    from pg_class
    where relnamespace = to_regnamespace(%s) and relkind = 'v'
    order by relname
"""
SHOW = sql.SQL("create view {} as select * from {}")


class Building:
    """The head of one review in the database.

    Args:
        base: the base, parsed.
        head: the head, parsed.
        prefix: of the schemas in which the head is built.

    Attributes:
        results: dbt's result of each node that was built.
        equal: those of them below gold whose rows are the release's.
    """

    def __init__(self, base: Project, head: Project, prefix: str) -> None:
        self._head = head
        self._after = nodes.nodes_of(head.content)
        self._before = nodes.nodes_of(base.content)
        self._prefix = prefix
        self._gold = f"{prefix}_gold"
        self._deferred = ["--defer", "--state", str(base.artifacts)]
        self.results: dict[str, Any] = {}
        self.equal: set[str] = set()
        self._differing: set[str] = set()

    def build(self, changes: list[nodes.Change]) -> None:
        """Build what changed, and then what reads other rows because of it.

        Args:
            changes: the nodes that changed.
        """
        schemas.drop(self._prefix)
        if not any(change.needs_build and nodes.GONE not in change.what for change in changes):
            return
        self._show_release()
        first = steps.first_step(self._head.content, changes, self._gold)
        self._run(first)
        with snapshot() as session:
            self.compare(session)
        # A node that failed is built again, so that dbt leaves out what reads it.
        done = {unique_id for unique_id in first if self.status(unique_id) == "success"}
        second = steps.second_step(self._head.content, changes, done, self.equal)
        self.equal -= second
        self._differing -= second
        self._run(second)

    def status(self, unique_id: str) -> str:
        """Return dbt's status of a node; `skipped` if dbt left it out.

        Args:
            unique_id: of the node.
        """
        return str(self.results[unique_id].status) if unique_id in self.results else "skipped"

    def compare(self, session: psycopg.Connection) -> None:
        """Find the nodes below gold whose rows are the release's.

        Args:
            session: a connection that sees both sides.
        """
        for unique_id in self.results.keys() - self.equal - self._differing:
            old, new = self._before.get(unique_id), self._after[unique_id]
            is_equal = (
                old is not None
                and new["schema"] != self._gold
                and new["resource_type"] in ("model", "seed")
                and self.status(unique_id) == "success"
                and steps.have_equal_rows(session, _place(old), _place(new))
            )
            (self.equal if is_equal else self._differing).add(unique_id)

    def checked(self, changes: list[nodes.Change], equal_in_gold: Collection[str]) -> dict[str, Any]:
        """Run the checks that may have another result than on the release; return dbt's results.

        Args:
            changes: the nodes that changed.
            equal_in_gold: relations of gold whose rows are equal.
        """
        equal = self.equal | {
            unique_id
            for unique_id in self.results
            if self._after[unique_id]["schema"] == self._gold and self._after[unique_id]["alias"] in equal_in_gold
        }
        chosen = steps.checks_to_run(self._head.content, changes, self.results, equal)
        personal = self.personal()
        names = sorted(
            self._after[unique_id]["name"]
            for unique_id in chosen
            if not personal & {*self._after[unique_id]["depends_on"]["nodes"]}
        )
        if not names:
            return {}
        # All of gold is there, as views at least, so only what lies below gold is read from the release.
        options = ["--select", *names, "--indirect-selection", "empty", "--exclude-resource-type", "unit_test"]
        return {found.node.unique_id: found for found in self._head.run("test", *options, *self._deferred)}

    def personal(self) -> set[str]:
        """Return the nodes that hold personal data, which no review copies."""
        return {
            unique_id
            for unique_id, node in self._after.items()
            if node["resource_type"] in BUILT and is_personal(node, node["schema"].removeprefix(f"{self._prefix}_"))
        }

    def _run(self, chosen: Collection[str]) -> None:
        built = set(chosen) - self.personal()
        if not built:
            return
        self._give_histories(built)
        names = sorted(nodes.full_name(self._after[unique_id]) for unique_id in built)
        kinds = [option for kind in BUILT for option in ("--resource-type", kind)]
        found = self._head.run("build", "--select", *names, *kinds, *self._deferred)
        self.results |= {result.node.unique_id: result for result in found}

    def _show_release(self) -> None:
        """Show the release where nothing is built."""
        with connection.connect(autocommit=True, name="review") as session:
            schemas.create(session, self._prefix)
            gold = session.execute(RELATIONS, [connection.schema_of("gold")]).fetchall()
            for schema, name in gold:
                session.execute(SHOW.format(sql.Identifier(self._gold, name), sql.Identifier(schema, name)))

    def _give_histories(self, chosen: Collection[str]) -> None:
        """Give snapshots the history that they have, because they go on from there."""
        with connection.connect(autocommit=True, name="review") as session:
            for unique_id in sorted(chosen):
                snapshot_before = self._before.get(unique_id)
                if snapshot_before is None or snapshot_before["resource_type"] != "snapshot":
                    continue
                old, new = (sql.Identifier(*_place(node)) for node in (snapshot_before, self._after[unique_id]))
                schema = sql.Identifier(self._after[unique_id]["schema"])
                session.execute(sql.SQL("create schema if not exists {}").format(schema))
                session.execute(sql.SQL("create table if not exists {} (like {} including all)").format(new, old))
                session.execute(sql.SQL("insert into {} select * from {}").format(new, old))


@contextmanager
def snapshot() -> Iterator[psycopg.Connection]:
    """Connect for reading, with both sides in one snapshot."""
    with connection.connect(name="review") as session:
        session.execute("set transaction isolation level repeatable read, read only")
        yield session


def _place(node: Mapping[str, Any]) -> tuple[str, str]:
    return node["schema"], node["alias"]
