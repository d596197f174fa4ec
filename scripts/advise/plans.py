"""Read plans: which tables a query reads whole, and by which columns it then throws most of the rows away."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.advise.asked import Session

Node = dict[str, Any]
# Schema and name of the partitioned table of each partition.
Roots = dict[tuple[str, str], tuple[str, str]]

# Smaller tables are read whole faster than by an index.
FEWEST_ROWS = 1_000
# A scan that keeps more of its rows would not gain from an index.
MOST_KEPT = 0.2
ORDERED = ("<", "<=", ">=", ">")
CONDITIONS = ("Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter")
JOIN_CONDITIONS = ("Hash Cond", "Merge Cond", "Join Filter")
NAME = r'(?:\w+|"(?:[^"]|"")+")'
COLUMN = rf"\(?(?P<alias>{NAME})\.(?P<column>{NAME})\)?(?:::[a-z ]+)?"
# As PostgreSQL prints a condition of a plan. Of columns inside a function no index of columns makes use.
COMPARED = re.compile(rf"\({COLUMN} (?P<operator>=|<=|>=|<|>|~~) (?P<other>\(*\$\d+|ANY \(\(*\$\d+|)")
JOINED = re.compile(rf"{COLUMN} = ")
SWAPPED = re.compile(rf" = {COLUMN}\)")
PARAMETER = re.compile(r"\$(\d+)$")


@dataclass(frozen=True)
class Scan:
    """A scan that reads many rows of a table for few results.

    Attributes:
        schema: of the table; of the partitioned table if partitions are scanned.
        table: the name of the table.
        equal: the columns that are compared by equality, or joined.
        ranged: the columns that are compared by order.
    """

    schema: str
    table: str
    equal: frozenset[str]
    ranged: frozenset[str]


@dataclass(frozen=True)
class Compared:
    """A column with which a parameter is compared.

    Attributes:
        parameter: the number of the parameter.
        schema: of the table; of the partitioned table if partitions are scanned.
        table: the name of the table.
        column: the name of the column.
        operator: such as `=`.
    """

    parameter: int
    schema: str
    table: str
    column: str
    operator: str


def nodes(node: Node) -> Iterator[Node]:
    """Return a node of a plan and all nodes below it."""
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def comparisons(plan: Node, roots: Roots) -> list[Compared]:
    """Return which columns are compared with which parameters.

    Args:
        plan: a generic plan, whose conditions show the parameters.
        roots: the partitioned table of each partition.
    """
    tables = _aliases(plan)
    found: dict[Compared, None] = {}
    for node in nodes(plan):
        for condition in _conditions(node, CONDITIONS):
            for match in COMPARED.finditer(condition):
                number = PARAMETER.search(match["other"])
                table = tables.get(_name(match["alias"]))
                if number and table:
                    table = roots.get(table, table)
                    found[Compared(int(number[1]), *table, _name(match["column"]), match["operator"])] = None
    return list(found)


def wasteful_scans(plan: Node, roots: Roots) -> list[Scan]:
    """Return the scans that read many rows for few results.

    Args:
        plan: a plan with the rows of a run.
        roots: the partitioned table of each partition.
    """
    rows: dict[Scan, float] = {}
    for node, ancestors in _with_ancestors(plan, ()):
        if node["Node Type"] != "Seq Scan" or "Relation Name" not in node:
            continue
        loops = node.get("Actual Loops", 1)
        kept = node.get("Actual Rows", 0) * loops
        read = kept + node.get("Rows Removed by Filter", 0) * loops
        equal, ranged = set[str](), set[str]()
        if kept <= MOST_KEPT * read:
            for condition in _conditions(node, ("Filter",)):
                for match in COMPARED.finditer(condition):
                    (ranged if match["operator"] in ORDERED else equal).add(_name(match["column"]))
        for join in ancestors:
            if join.get("Actual Rows", 0) * join.get("Actual Loops", 1) <= MOST_KEPT * read:
                equal |= set(_joined(join, node["Alias"]))
        table = (node["Schema"], node["Relation Name"])
        scan = Scan(*roots.get(table, table), frozenset(equal), frozenset(ranged))
        # The partitions of a table count together.
        rows[scan] = rows.get(scan, 0.0) + read
    return [scan for scan, read in rows.items() if read >= FEWEST_ROWS and (scan.equal or scan.ranged)]


def roots_of_partitions(session: Session) -> Roots:
    """Return the partitioned table of each partition, both as schema and name."""
    rows = session.execute(
        """
        select
            partitions.relnamespace::regnamespace::text,
            partitions.relname,
            roots.relnamespace::regnamespace::text,
            roots.relname
        from pg_class as partitions
        inner join pg_class as roots on pg_partition_root(partitions.oid) = roots.oid
        where partitions.relispartition and partitions.relkind in ('r', 'p')
        """
    ).fetchall()
    return {(schema, name): (root_schema, root) for schema, name, root_schema, root in rows}


def _with_ancestors(node: Node, ancestors: tuple[Node, ...]) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    yield node, ancestors
    for child in node.get("Plans", ()):
        yield from _with_ancestors(child, (*ancestors, node))


def _aliases(plan: Node) -> dict[str, tuple[str, str]]:
    return {
        node["Alias"]: (node["Schema"], node["Relation Name"])
        for node in nodes(plan)
        if "Relation Name" in node and "Schema" in node
    }


def _conditions(node: Node, kinds: tuple[str, ...]) -> Iterator[str]:
    for kind in kinds:
        if kind in node:
            # One opening bracket in front of each comparison, also of the only one.
            yield f"({node[kind]})"


def _joined(join: Node, alias: str) -> Iterator[str]:
    """Return the columns of one table by which a join finds its rows. The aliases of partitions end in a number."""
    names = {alias, re.sub(r"_\d+$", "", alias)}
    for condition in _conditions(join, JOIN_CONDITIONS):
        for pattern in (JOINED, SWAPPED):
            for match in pattern.finditer(condition):
                if _name(match["alias"]) in names:
                    yield _name(match["column"])


def _name(quoted: str) -> str:
    return quoted[1:-1].replace('""', '"') if quoted.startswith('"') else quoted
