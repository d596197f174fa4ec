"""What a build did when: from the times that `scripts.build` and dbt write down, on one clock."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dbt_artifacts_parser.parser import parse_manifest, parse_run_results

# Steps of a build that are the loader's work.
LANDING = ("find what to land", "land")
# The step of a build that is dbt's, and that its nodes are shown in place of.
DBT_STEP = "build and test"
HOOK = "hook"
WAITING = "wait for dbt to load"
PROCESS, LOADER, DBT = "build", "loader", "dbt"
# Two moments are one when they are nearer than this: the clocks of both files tick in milliseconds.
SAME_MOMENT = 0.005


@dataclass(frozen=True)
class Bar:
    """Something that took time.

    Attributes:
        name: of the step or node, unique in its kind.
        kind: what it is, such as `land`, `table` or `test`.
        lane: who did it: the process, the loader, a thread of dbt.
        began: seconds since the epoch.
        ended: the same.
        key: by which others need it: of a node, its id in dbt.
        needs: keys of what had to be done before.
        detail: what else there is to say, such as the number of rows.
    """

    name: str
    kind: str
    lane: str
    began: float
    ended: float
    key: str = ""
    needs: tuple[str, ...] = ()
    detail: str = ""

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.ended - self.began

    @property
    def is_node(self) -> bool:
        """Return whether dbt did it as a part of its graph, a hook included."""
        return bool(self.key)


def read_nodes(target: Path) -> list[Bar]:
    """Return what dbt did in its last build, by `run_results.json` and `manifest.json` in its target folder."""
    results: Any = parse_run_results(json.loads((target / "run_results.json").read_text()))
    manifest: Any = parse_manifest(json.loads((target / "manifest.json").read_text()))
    parents: dict[str, list[str]] = manifest.parent_map or {}
    children: dict[str, list[str]] = manifest.child_map or {}
    bars = []
    for result in results.results:
        moments = [_seconds(at) for part in result.timing for at in (part.started_at, part.completed_at) if at]
        # What was skipped has no time, and an exposure nothing that could take any.
        if not moments or result.unique_id.startswith("exposure."):
            continue
        kind, _, name = result.unique_id.split(".", 2)
        node = manifest.nodes.get(result.unique_id)
        if node:
            kind, name = node.config.materialized if kind == "model" else kind, node.name
        needs = list(parents.get(result.unique_id, ()))
        if kind != "test":
            # `dbt build` lets nothing but tests begin before the tests of what it reads have passed.
            needs += [child for key in needs for child in children.get(key, ()) if child.startswith("test.")]
        bars.append(
            Bar(
                name=name,
                kind=HOOK if kind == "operation" else kind,
                lane=_lane(result.thread_id),
                began=min(moments),
                ended=max(moments),
                key=result.unique_id,
                needs=tuple(needs),
                detail=" ".join((result.message or "").split()),
            )
        )
    return sorted(bars, key=lambda bar: bar.began)


def read_steps(times: Path) -> list[Bar]:
    """Return the steps of a build, by the file that `python -m scripts.build --json` writes."""
    written: Mapping[str, Mapping[str, Sequence[float]]] = json.loads(times.read_text())
    bars = []
    for name, (began, ended) in written["steps"].items():
        # It did nothing meanwhile; what it waited for is beside.
        if name == WAITING:
            continue
        lane, kind = (LOADER, "landing") if name in LANDING else (PROCESS, "start-up")
        bars.append(Bar(name, kind, lane, began, ended))
    bars += [Bar(name, "start-up", DBT, began, ended) for name, (began, ended) in written["beside"].items()]
    return sorted(bars, key=lambda bar: bar.began)


def join(steps: Iterable[Bar], nodes: Sequence[Bar], began: float, ended: float) -> list[Bar]:
    """Return all that happened in a build's process, from its start to its end.

    Args:
        steps: as `read_steps` returns them.
        nodes: as `read_nodes` returns them.
        began: when the process was started.
        ended: when it had ended.
    """
    bars = sorted(steps, key=lambda bar: bar.began)
    own = next((bar for bar in bars if bar.name == DBT_STEP), None)
    bars = [bar for bar in bars if bar is not own]
    if bars:
        bars.insert(0, Bar("start Python", "start-up", PROCESS, began, min(bar.began for bar in bars)))
    if own and nodes:
        first, last = nodes[0].began, max(node.ended for node in nodes)
        bars.append(Bar("dbt before the first node", "start-up", PROCESS, own.began, first))
        bars.append(Bar("dbt after the last node", "start-up", PROCESS, last, own.ended))
        bars.append(Bar("report and end", "start-up", PROCESS, own.ended, ended))
    return sorted([*bars, *nodes], key=lambda bar: bar.began)


def inside(bars: Iterable[Bar]) -> float:
    """Return the seconds that a build spent in the loader and between dbt's first node and its last.

    That leaves aside the start of Python, of the server and of dbt. What overlaps counts once.
    """
    bars = list(bars)
    nodes = [bar for bar in bars if bar.is_node]
    spans = [(bar.began, bar.ended) for bar in bars if bar.kind == "landing"]
    if nodes:
        spans.append((min(bar.began for bar in nodes), max(bar.ended for bar in nodes)))
    total, until = 0.0, 0.0
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


def critical_path(bars: Sequence[Bar]) -> list[Bar]:
    """Return what the end of a build waited for, from its start.

    Each bar waited for whichever ended last of what it needs and of what was before it in its lane; where there is
    neither, for whatever ended last before it began.
    """
    path = [max(bars, key=lambda bar: bar.ended)] if bars else []
    while path:
        bar = path[0]
        # Began before, too: a bar of no length would wait for itself in a circle.
        before = [other for other in bars if other.ended <= bar.began + SAME_MOMENT and other.began < bar.began]
        nodes = [other for other in before if other.is_node and (other.lane == bar.lane or other.key in bar.needs)]
        # A hook waits for all threads, a node for what it needs and for its own.
        pool = nodes if nodes and bar.is_node and bar.kind != HOOK else before
        if not pool:
            break
        path.insert(0, max(pool, key=lambda other: other.ended))
    return path


def shifted(bars: Iterable[Bar]) -> list[Bar]:
    """Return the bars with the beginning of the first at 0."""
    bars = list(bars)
    start = min((bar.began for bar in bars), default=0.0)
    return [replace(bar, began=bar.began - start, ended=bar.ended - start) for bar in bars]


def _lane(thread: str) -> str:
    return "hooks" if thread == "main" else thread.replace(" (worker)", "").replace("Thread-", "thread ")


def _seconds(moment: str | datetime) -> float:
    # Python 3.10 does not read the Z of UTC.
    parsed = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return parsed.timestamp()
