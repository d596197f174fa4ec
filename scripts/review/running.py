"""A review from its begin to its report."""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from scripts import connection
from scripts.errors import Refusal, said_in_one_line
from scripts.paths import PROJECT_ROOT, warehouse_home
from scripts.playground import schemas
from scripts.review import checks, code, cost, metrics, nodes, release, risk, rows, steps
from scripts.review.building import Building, snapshot
from scripts.review.dbt import Project
from scripts.review.page import page
from scripts.review.report import Report
from scripts.review.text import markdown

# A build of the warehouse that began meanwhile makes the comparison wrong, so it is made again.
ATTEMPTS = 3
LAYERS = ("gold", "gold_candidate", "gold_tables", "gold_partitions", "silver", "history", "profiles", "audit")


class Review:
    """One review.

    Args:
        ref: the base, as the user calls it.
        with_uncommitted: whether files that are not committed are reviewed as well.

    Attributes:
        prefix: of the schemas in which the head is built.
    """

    def __init__(self, ref: str, *, with_uncommitted: bool) -> None:
        self._code = code.compare(ref, with_uncommitted=with_uncommitted)
        self.prefix = f"review_{hashlib.md5(os.fsencode(PROJECT_ROOT)).hexdigest()[:8]}"
        target = connection.target_name()
        # `scripts` set aside, the base is a project of its own: it finds the same server by these.
        here = {"WAREHOUSE_HOME": str(warehouse_home())}
        self._base = Project("base", code.checked_out(self._code.base), target, here)
        self._head = Project("head", PROJECT_ROOT, "dev", {**here, **schemas.environment(self.prefix)})
        self._seconds: dict[str, float] = {}
        # The id in the head of a node that had another one in the base.
        self._ids: dict[str, str] = {}

    def report(self) -> Report:
        """Compare, and return what was found.

        Raises:
            Refusal: nothing can be compared; the message says why.
        """
        for _ in range(ATTEMPTS):
            with connection.connect(name="review") as session:
                found = release.present(session)
            release.refuse_another_base(found, self._code)
            report = self._compare(found)
            with connection.connect(name="review") as session:
                if release.present(session) == found:
                    return report
        raise Refusal(
            f"the warehouse was built {ATTEMPTS} times while it was reviewed: review again when no build is due, or on "
            "a restored backup."
        )

    def _compare(self, found: release.Release) -> Report:
        report = Report(self._code, found, self.prefix, seconds=self._seconds)
        with self._timed("parse"):
            if not self._head.content:
                self._head.parse()
                self._base.parse()
                self._ids = nodes.kept_under_another_id(self._base.content, self._head.content, self.prefix)
                if self._ids:
                    self._base.content = nodes.with_ids(self._base.content, self._ids)
        base, head = self._base.content, self._head.content
        with self._timed("compile"):
            wanted = nodes.to_compile(base, head)
            # The queries of the dashboards with them: each call of dbt costs seconds.
            both = sorted({*wanted, *nodes.queries_of(base, head, wanted)})
            compiled = (self._base.compiled(both), self._head.compiled(both, *self._deferred()))
        report.changes = list(nodes.changes(base, head, compiled, self.prefix))
        changed = {change.unique_id for change in report.changes}
        report.unchanged = [head["nodes"][unique_id]["name"] for unique_id in wanted if unique_id not in changed]
        building = Building(self._base, self._head, self.prefix)
        with self._timed("build"):
            building.build(report.changes)
        report.built = {result.node.name: str(result.status) for result in building.results.values()}
        report.problems = {
            result.node.name: said_in_one_line(str(result.message))
            for result in building.results.values()
            if str(result.status) == "error"
        }
        with self._timed("rows"), snapshot() as session:
            building.compare(session)
            self._compare_rows(session, report, building)
        with self._timed("test"):
            tested = building.checked(report.changes, _equal_in_gold(report))
        with snapshot() as session:
            self._look(session, report, building, tested, compiled)
        return report

    def _compare_rows(self, session: psycopg.Connection, report: Report, building: Building) -> None:
        """Compare gold with the release, and count what need not be built."""
        head = self._head.content
        changed = [change.unique_id for change in report.changes if change.needs_build]
        may_differ = {*steps.second_step(head, report.changes, (), building.equal), *building.results}
        report.spared = len(nodes.descendants(head, changed) - may_differ)
        schemas_compared = (connection.schema_of("gold"), f"{self.prefix}_gold_candidate", f"{self.prefix}_audit")
        done = rows.Done({unique_id: building.status(unique_id) for unique_id in may_differ}, changed, building.equal)
        report.rows = sorted(
            rows.differences(session, self._base.content, head, done, schemas_compared),
            key=lambda difference: difference.relation,
        )

    def _look(
        self,
        session: psycopg.Connection,
        report: Report,
        building: Building,
        tested: Mapping[str, Any],
        compiled: tuple[dict[str, str], dict[str, str]],
    ) -> None:
        """Compare both sides in one snapshot."""
        base, head = self._base.content, self._head.content
        audit, candidate = connection.audit_schema(), f"{self.prefix}_gold_candidate"
        moved = {each.relation: each.after for each in report.rows if each.status == "changed"}
        with self._timed("metrics"):
            semantic = tuple(
                json.loads((side.artifacts / "semantic_manifest.json").read_text()) for side in (self._base, self._head)
            )
            in_place = json.loads(json.dumps(semantic[1]).replace(f"{self.prefix}_", ""))
            report.metrics = list(metrics.compared(session, (semantic[0], in_place), (base, head), moved))
        statuses: dict[str, str] = dict(session.execute(_last_statuses(audit)).fetchall())
        earlier = {self._ids.get(unique_id, unique_id): status for unique_id, status in statuses.items()}
        report.checks = [*checks.declared(base, head, report.changes), *checks.results(tested, earlier)]
        with self._timed("cost"):
            report.cost = list(cost.built(session, head, building.results, self.prefix, audit))
            # A relation with equal rows, whose own code is as it was, is read as before.
            equal = _equal_in_gold(report) | {building.results[unique_id].node.alias for unique_id in building.equal}
            changed = {change.unique_id for change in report.changes}
            read_anew = {
                unique_id: building.status(unique_id)
                for unique_id, result in building.results.items()
                if unique_id in changed or result.node.alias not in equal
            }
            report.queries = list(cost.asked(session, self._queries(read_anew, candidate, compiled)))
        seconds = {built.name: built.seconds_before or built.seconds_after for built in report.cost}
        mine = [*LAYERS, *(f"{self.prefix}_{layer}" for layer in LAYERS)]
        report.risks = [
            *risk.readers(session, report.rows, mine),
            *risk.migrations(self._code.files),
            *risk.personal_data(base, head),
            *risk.not_copied(report.changes, building.personal()),
            *risk.variables(base, head),
            *risk.macros(base, head),
            *risk.full_builds(head, report.changes, seconds),
            *risk.exposures(head, report.rows),
        ]
        report.lineage = risk.lineage(_file_of(self._code.base, "docs/lineage.json"), _file("docs/lineage.json"))

    def _queries(
        self, read_anew: Mapping[str, str], candidate: str, compiled: tuple[dict[str, str], dict[str, str]]
    ) -> dict[str, tuple[str, str]]:
        """Return the queries of the dashboards that read one of these relations, on both sides."""
        base, head = compiled
        own = re.compile(rf"\"?\b{self.prefix}_gold\b\"?\.")
        return {
            node["name"]: (base[unique_id], own.sub(f"{candidate}.", head[unique_id]))
            for unique_id, node in nodes.nodes_of(self._head.content).items()
            if node["resource_type"] == "analysis"
            and unique_id in head
            and unique_id in base
            and any(read_anew.get(parent) == "success" for parent in node["depends_on"]["nodes"])
        }

    def _deferred(self) -> list[str]:
        """Return options with which everything that is not built is read from the release."""
        return ["--defer", "--favor-state", "--state", str(self._base.artifacts)]

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._seconds[part] = round(self._seconds.get(part, 0.0) + time.monotonic() - began, 1)


def _equal_in_gold(report: Report) -> set[str]:
    """Return the names of the relations of gold whose rows are equal."""
    return {each.relation.partition(".")[2] for each in report.rows if each.status == "equal"}


def _last_statuses(audit: str) -> bytes:
    return (
        f"select distinct on (unique_id) unique_id, status from {audit}.node_results "
        "where resource_type = 'test' order by unique_id, started_at desc nulls last"
    ).encode()


def _file(name: str) -> str:
    path = PROJECT_ROOT / name
    return path.read_text() if path.exists() else ""


def _file_of(commit: str, name: str) -> str:
    try:
        return code.git("show", f"{commit}:{name}")
    except Refusal:
        return ""


def write(report: Report, folder: Path) -> None:
    """Write review.md, review.json and review.html.

    Args:
        report: of the review.
        folder: where to; it is made.
    """
    told = markdown(report)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "review.md").write_text(told)
    (folder / "review.html").write_text(page(report.verdict, told))
    (folder / "review.json").write_text(json.dumps(report.as_json(), indent=1, default=str) + "\n")
