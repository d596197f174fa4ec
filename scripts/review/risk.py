"""What a merge of the head sets in motion: readers that break, full builds, locks, personal data, owners."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from scripts.paths import PROJECT_ROOT
from scripts.review.nodes import Change, descendants, macros_beside_nodes, nodes_of
from scripts.review.rows import Difference

# Views that read a column of a relation, whoever owns them.
READERS = """
    select distinct pg_rewrite.ev_class::regclass::text
    from pg_depend
    inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
    inner join pg_class on pg_rewrite.ev_class = pg_class.oid
    inner join pg_attribute on pg_depend.refobjid = attrelid and pg_depend.refobjsubid = attnum
    where
        pg_depend.classid = 'pg_rewrite'::regclass
        and pg_depend.refobjid = to_regclass(%s)
        and attname = any(%s)
        and pg_rewrite.ev_class <> pg_depend.refobjid
        and pg_class.relnamespace <> all(%s::regnamespace[])
    order by 1
"""


@dataclass(frozen=True)
class Risk:
    """Something that a reviewer decides about.

    Attributes:
        kind: `readers break`, `full build`, `locks`, `personal data`, `exposure`, `hooks` or `variable`.
        text: one sentence.
        is_grave: whether it stops or breaks something of others.
    """

    kind: str
    text: str
    is_grave: bool = False


def readers(session: psycopg.Connection, differences: list[Difference], schemas: list[str]) -> Iterator[Risk]:
    """Yield the views of others that read a column that goes, or that gets another type.

    Args:
        session: a connection to the warehouse.
        differences: what becomes of each relation.
        schemas: of the release and of the review, whose views follow.
    """
    for difference in differences:
        columns = [
            *difference.found.get("columns_gone", []),
            *(column["name"] for column in difference.found.get("columns_retyped", [])),
        ]
        is_gone = difference.status == "gone"
        if not columns and not is_gone:
            continue
        present = [
            name for name in schemas if session.execute("select to_regnamespace(%s)", [name]).fetchone() != (None,)
        ]
        if is_gone:
            found = session.execute(READERS.replace("and attname = any(%s)", ""), [difference.relation, present])
        else:
            found = session.execute(READERS, [difference.relation, columns, present])
        names = [name for (name,) in found]
        what = "leaves the release" if is_gone else f"loses or retypes {', '.join(columns)}"
        if names:
            yield Risk(
                "readers break",
                f"{difference.relation} {what}, and {', '.join(names)} reads it: the release is refused until that is "
                "changed or dropped.",
                is_grave=True,
            )
        else:
            yield Risk("readers break", f"{difference.relation} {what}; no view of others reads it, queries may.")


def full_builds(head: Mapping[str, Any], changes: list[Change], seconds: Mapping[str, float]) -> Iterator[Risk]:
    """Say which nodes the next build of the warehouse makes from scratch.

    Args:
        head: manifest.json of the head.
        changes: the nodes that changed.
        seconds: of the last full build of each node, by its name.
    """
    changed = [
        change.unique_id for change in changes if change.needs_build or change.kind in ("model", "snapshot", "seed")
    ]
    nodes = nodes_of(head)
    names = [nodes[unique_id]["name"] for unique_id in sorted(descendants(head, changed))]
    if names:
        known = sum(seconds.get(name, 0.0) for name in names)
        yield Risk(
            "full build", f"the next build makes {len(names)} nodes from scratch (about {known:.0f} s one by one)."
        )


def migrations(files: tuple[str, ...]) -> Iterator[Risk]:
    """Say what the revisions of the head lock, by squawk.

    Args:
        files: the files that differ from the base.
    """
    revisions = [file for file in files if file.startswith("migrations/versions/") and file.endswith(".sql")]
    present = [file for file in revisions if (PROJECT_ROOT / file).exists()]
    if not present:
        return
    squawk = Path(sys.executable).with_name("squawk")
    if not squawk.exists() and not shutil.which("squawk"):
        yield Risk(
            "locks", f"{len(present)} revisions are new, and squawk is not installed to read them: `make dev`.", True
        )
        return
    done = subprocess.run(
        [str(squawk), "--reporter", "json", *present], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout or "[]")
    for message in found:
        yield Risk(
            "locks", f"{message['file']}:{message['line']}: {message['message']} ({message['rule_name']}).", True
        )
    if not found:
        yield Risk("locks", f"{len(present)} revisions are new; squawk has nothing against them.")


def personal_data(base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Risk]:
    """Yield columns that hold personal data now and did not before, or that are no longer marked.

    Args:
        base: manifest.json of the base.
        head: that of the head.
    """
    before, after = (_marks(side) for side in (base, head))
    for column in sorted({*before, *after}):
        old, new = before.get(column, "none"), after.get(column, "none")
        if old != new:
            yield Risk(
                "personal data", f"{column}: {old} before, {new} now.", is_grave=column in before or new == "direct"
            )


def not_copied(changes: list[Change], personal: set[str]) -> Iterator[Risk]:
    """Yield the changed nodes that no review builds, because it would copy personal data.

    Args:
        changes: the nodes that changed.
        personal: the unique ids of nodes that hold personal data.
    """
    for change in changes:
        if change.unique_id in personal and change.needs_build:
            yield Risk("personal data", f"{change.name} is not built, as a review copies no personal data.")


def exposures(head: Mapping[str, Any], differences: list[Difference]) -> Iterator[Risk]:
    """Yield the dashboards and applications that read what changed.

    Args:
        head: manifest.json of the head.
        differences: what becomes of each relation.
    """
    names = {difference.relation.split(".")[-1] for difference in differences if difference.is_changed}
    for exposure in sorted(head["exposures"].values(), key=lambda exposure: exposure["name"]):
        read = sorted(names & {unique_id.split(".")[-1] for unique_id in exposure["depends_on"]["nodes"]})
        if read:
            yield Risk("exposure", f"{exposure['name']} ({exposure['owner'].get('name')}) reads {', '.join(read)}.")


def variables(base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Risk]:
    """Yield the vars with another value: several are thresholds of checks.

    Args:
        base: manifest.json of the base, with the vars.
        head: that of the head.
    """
    before, after = base["variables"], head["variables"]
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Risk("variable", f"{name}: {before.get(name)} before, {after.get(name)} now.")


def macros(base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Risk]:
    """Say which macros of hooks and operations differ: no compiled SQL shows them.

    Args:
        base: manifest.json of the base.
        head: that of the head.
    """
    if names := macros_beside_nodes(base, head):
        yield Risk("hooks", f"{', '.join(names)} differ, which hooks or operations call: no compiled SQL shows them.")


def lineage(base: str, head: str) -> list[str]:
    """Return the edges between columns that come (+) and go (-), by the committed lineage.

    Args:
        base: the text of docs/lineage.json in the base; empty if it has none.
        head: that of the head.
    """
    before, after = _edges(base), _edges(head)
    return [*(f"- {edge}" for edge in sorted(before - after)), *(f"+ {edge}" for edge in sorted(after - before))]


def _edges(text: str) -> set[str]:
    found = set()
    for relation in json.loads(text) if text else []:
        for column, facet in relation["facets"]["columnLineage"]["fields"].items():
            for source in facet["inputFields"]:
                found.add(f"{relation['name']}.{column} from {source['name']}.{source['field']}")
    return found


def _marks(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns with personal data, outside of what never leaves the builder."""
    found = {}
    for node in nodes_of(manifest).values():
        for name, column in node["columns"].items():
            meta = {**(column.get("meta") or {}), **((column.get("config") or {}).get("meta") or {})}
            if meta.get("pii") not in (None, "none"):
                found[f"{node['name']}.{name}"] = str(meta["pii"])
    return found
