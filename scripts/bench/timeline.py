"""The timeline of a build, from the times that `scripts.build` and dbt record, on one clock."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dbt_artifacts_parser.parser import parse_manifest, parse_run_results

# The loader's steps of a build.
LANDING = ("find what to land", "land")
# The dbt step of a build; the timeline shows dbt's nodes in its place.
DBT_STEP = "build and test"
HOOK = "hook"
WAITING = "wait for dbt to load"
PROCESS, LOADER, DBT = "build", "loader", "dbt"
# Two moments count as equal if fewer seconds lie between them: both files record milliseconds.
SAME_MOMENT = 0.005


@dataclass(frozen=True)
class Bar:
    """A step or node of a build, with its start and end.

    Attributes:
        name: the name of the step or node, unique within its kind.
        kind: the kind of step or node, such as `land`, `table` or `test`.
        lane: where it ran: the process, the loader, a thread of dbt.
        began: its start, in seconds since the epoch.
        ended: its end, in seconds since the epoch.
        key: the id of a node in dbt, which the `needs` of other nodes contain.
        needs: the keys of the nodes that had to finish first.
        detail: further facts, such as the number of rows.
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
        """Return the duration."""
        return self.ended - self.began

    @property
    def is_node(self) -> bool:
        """Return whether this is a node of dbt's graph or a hook."""
        return bool(self.key)


def read_nodes(target: Path) -> list[Bar]:
    """Return dbt's last build, read from `run_results.json` and `manifest.json` in its target folder."""
    results: Any = parse_run_results(json.loads((target / "run_results.json").read_text()))
    manifest: Any = parse_manifest(json.loads((target / "manifest.json").read_text()))
    parents: dict[str, list[str]] = manifest.parent_map or {}
    children: dict[str, list[str]] = manifest.child_map or {}
    bars = []
    for result in results.results:
        moments = [_seconds(at) for part in result.timing for at in (part.started_at, part.completed_at) if at]
        # A skipped node has no times, and an exposure does no work.
        if not moments or result.unique_id.startswith("exposure."):
            continue
        kind, _, name = result.unique_id.split(".", 2)
        node = manifest.nodes.get(result.unique_id)
        if node:
            kind, name = node.config.materialized if kind == "model" else kind, node.name
        needs = list(parents.get(result.unique_id, ()))
        if kind != "test":
            # `dbt build` starts a node that is no test only after the tests of its parents have passed.
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
    """Return the steps of a build, read from the file that `python -m scripts.build --json` writes."""
    written: Mapping[str, Mapping[str, Sequence[float]]] = json.loads(times.read_text())
    bars = []
    for name, (began, ended) in written["steps"].items():
        # The process is idle in this step; the entry `beside` holds the steps that it waits for.
        if name == WAITING:
            continue
        lane, kind = (LOADER, "landing") if name in LANDING else (PROCESS, "start-up")
        bars.append(Bar(name, kind, lane, began, ended))
    bars += [Bar(name, "start-up", DBT, began, ended) for name, (began, ended) in written["beside"].items()]
    return sorted(bars, key=lambda bar: bar.began)


def join(steps: Iterable[Bar], nodes: Sequence[Bar], began: float, ended: float) -> list[Bar]:
    """Return all bars of a build's process, from its start to its end.

    Args:
        steps: the bars that `read_steps` returns.
        nodes: the bars that `read_nodes` returns.
        began: when the process started.
        ended: when the process ended.
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

    This excludes the start-up of Python, the server and dbt. Overlapping bars count once.
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
    """Return the bars that the end of a build waited for, from its start.

    A bar waited for the bar that ended last among its needs and the earlier bars of its lane. If there are none, it
    waited for the bar that ended last before it began.
    """
    path = [max(bars, key=lambda bar: bar.ended)] if bars else []
    while path:
        bar = path[0]
        # Require an earlier start too: a bar of no length would wait for itself in an endless loop.
        before = [other for other in bars if other.ended <= bar.began + SAME_MOMENT and other.began < bar.began]
        nodes = [other for other in before if other.is_node and (other.lane == bar.lane or other.key in bar.needs)]
        # A hook waits for all threads; a node waits for its needs and for its own thread.
        pool = nodes if nodes and bar.is_node and bar.kind != HOOK else before
        if not pool:
            break
        path.insert(0, max(pool, key=lambda other: other.ended))
    return path


def shifted(bars: Iterable[Bar]) -> list[Bar]:
    """Return the bars, shifted so that the first starts at 0."""
    bars = list(bars)
    start = min((bar.began for bar in bars), default=0.0)
    return [replace(bar, began=bar.began - start, ended=bar.ended - start) for bar in bars]


def _lane(thread: str) -> str:
    return "hooks" if thread == "main" else thread.replace(" (worker)", "").replace("Thread-", "thread ")


def _seconds(moment: str | datetime) -> float:
    # Python 3.10 does not read the Z of UTC.
    parsed = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return parsed.timestamp()
