"""Follow the columns of one query from its result to the relations that it reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlglot import exp, parse_one

from scripts.lineage.conditions import Place, bound_places, equal_places, finds_one_at_most
from scripts.lineage.edges import AGGREGATED, DERIVED, FILTER_OR_JOIN, GENERATED, WINDOW, Column
from scripts.lineage.rows import NOTHING, Interval, Origins, Rows, merge, renamed, strengthen

# What does not change a value.
TRANSPARENT = (exp.Paren, exp.Alias, exp.Collate)
# What the server's clock says.
CLOCK = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime)


class Untraceable(Exception):
    """A query that names a column which none of its relations has."""


@dataclass
class Source:
    """A relation in the `from` of a query.

    Attributes:
        rows: what it holds.
        condition: what a join to it adds to each use of its columns. Only of joins that neither add nor remove rows.
    """

    rows: Rows
    condition: Origins = NOTHING


@dataclass
class Scope:
    """What the names in a query mean.

    Attributes:
        relations: the relations of the project, by schema and name.
        ctes: the common table expressions that are visible.
        sources: what the `from` holds, by alias.
        windows: the named windows.
        outer: the query around this one.
    """

    relations: Mapping[str, Rows]
    ctes: dict[str, Rows] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    windows: dict[str, exp.Expr] = field(default_factory=dict)
    outer: "Scope | None" = None

    def inner(self) -> "Scope":
        """Return the scope of a query within this one."""
        return Scope(self.relations, dict(self.ctes), outer=self)


def walk(query: str, relations: Mapping[str, Rows], arguments: Mapping[str, Rows] | None = None) -> Rows:
    """Follow the columns of a query.

    Args:
        query: SQL of PostgreSQL without Jinja.
        relations: what the query may read, by schema and name.
        arguments: what names mean that are not in the query: the arguments of a function, by its name.

    Raises:
        Untraceable: the query names a column or a relation that is not known.
        sqlglot.errors.ParseError: the query cannot be parsed.
    """
    outer = Scope(relations, sources={name: Source(rows) for name, rows in (arguments or {}).items()})
    return _query(parse_one(query, dialect="postgres"), outer)


def _query(node: exp.Expr, outer: Scope) -> Rows:
    scope = outer.inner()
    if with_ := node.args.get("with_"):
        for cte in with_.expressions:
            scope.ctes[cte.alias] = _renamed(_query(cte.this, scope), cte.args["alias"])
    if isinstance(node, exp.Subquery | exp.Paren):
        return _query(node.this, scope)
    if isinstance(node, exp.SetOperation):
        return _union(node, scope)
    if isinstance(node, exp.Values):
        return _values(node, scope)
    if isinstance(node, exp.Select):
        return _Select(node, scope).rows()
    raise Untraceable(f"cannot follow {node.key}: {node.sql('postgres')[:80]}")


def _union(node: exp.SetOperation, scope: Scope) -> Rows:
    left, right = _query(node.this, scope), _query(node.expression, scope)
    names = list(left.columns)
    other = renamed(right, names)
    columns = {name: left.columns[name] | other.columns[name] for name in names}
    row_origins = left.row_origins | other.row_origins
    keys, intervals = frozenset[frozenset[str]](), frozenset[Interval]()
    if node.args.get("distinct"):
        row_origins |= strengthen(merge(columns.values()), FILTER_OR_JOIN)
        keys = frozenset({frozenset(names)})
    else:
        # A key survives if the rows of the other side have a null in it, so that no join finds them.
        for one, another in ((left, other), (other, left)):
            keys |= {key for key in one.keys if key & another.always_null}
            intervals |= {interval for interval in one.intervals if interval[0] & another.always_null}
    return Rows(columns, row_origins, left.grain | other.grain, keys, intervals, left.always_null & other.always_null)


def _values(node: exp.Values, scope: Scope) -> Rows:
    rows = [each.expressions if isinstance(each, exp.Tuple) else [each] for each in node.expressions]
    columns = {
        f"column{place + 1}": merge(_origins(row[place], scope) for row in rows) for place in range(len(rows[0]))
    }
    return Rows(columns, keys=frozenset({frozenset()}) if len(rows) == 1 else frozenset())


def _renamed(rows: Rows, alias: exp.Expr | None) -> Rows:
    names = [column.name for column in alias.args.get("columns") or []] if alias else []
    return renamed(rows, names) if names else rows


class _Output(NamedTuple):
    """A column of the result of a query."""

    name: str
    expression: exp.Expr
    origins: Origins


class _Select:
    """One `select`, from its `from` to its columns."""

    def __init__(self, node: exp.Select, scope: Scope) -> None:
        self.node = node
        self.scope = scope
        self.row_origins = NOTHING
        self.grain = NOTHING
        self.outputs: list[_Output] = []
        # Keys, spans and nulls of the relations that decide how many rows there are.
        self.keys: set[frozenset[Place]] = {frozenset()}
        self.intervals: set[tuple[frozenset[Place], Place, Place]] = set()
        self.always_null: set[Place] = set()
        # Columns that have one value in all rows, so that a key does not need them.
        self.fixed: set[Place] = set()

    def rows(self) -> Rows:
        """Return what the query results in."""
        node, scope = self.node, self.scope
        for window in node.args.get("windows") or []:
            scope.windows[window.this.name] = window
        if from_ := node.args.get("from_"):
            self._add(from_.this, None)
        for join in node.args.get("joins") or []:
            self._add(join.this, join)
        for lateral in node.args.get("laterals") or []:
            self._add(lateral, None)
        if where := node.args.get("where"):
            self.row_origins |= self._conditions(where.this)
            self.fixed |= set(bound_places(where.this, None, self._place))
        self.outputs = list(self._columns())
        found = self._grouped(self._plain())
        if having := node.args.get("having"):
            self.row_origins |= self._conditions(having.this)
        keys = found.keys | self._distinct(found) | self._limited()
        return self._with_spans(replace(found, row_origins=self.row_origins, keys=keys))

    def _conditions(self, *nodes: exp.Expr) -> Origins:
        return strengthen(merge(_origins(node, self.scope) for node in nodes), FILTER_OR_JOIN)

    def _add(self, node: exp.Expr, join: exp.Join | None) -> None:
        """Add a relation of the `from`, and what it does to the rows."""
        alias, rows = _table(node, self.scope)
        is_first = not self.scope.sources
        self.scope.sources[alias] = Source(rows)
        condition = join.args.get("on") if join else None
        side = (join.side or "").upper() if join else ""
        together = rows.row_origins | (self._conditions(condition) if condition is not None else NOTHING)
        for column in (join.args.get("using") or []) if join else []:
            sides = (source.rows.columns.get(column.name, NOTHING) for source in self.scope.sources.values())
            together |= strengthen(merge(sides), FILTER_OR_JOIN)
        is_one_at_most = not is_first and finds_one_at_most(condition, alias, rows, self._place)
        if is_one_at_most and (side == "LEFT" or (condition is None and _is_one_row(rows))):
            # Neither adds nor removes rows: only what uses its columns depends on it.
            self.scope.sources[alias].condition = together
            return
        self.row_origins |= together
        self.grain |= rows.grain
        self._join_keys(alias, rows, side, is_first, is_one_at_most)
        if condition is not None and frozenset() in rows.keys and side not in ("RIGHT", "FULL"):
            # What equals the column of a single row has one value.
            self.fixed |= set(equal_places(condition, alias, self._place))

    def _join_keys(self, alias: str, rows: Rows, side: str, is_first: bool, is_one_at_most: bool) -> None:
        """Work out the keys after a join that can add or remove rows."""
        own = {frozenset((alias, name) for name in key) for key in rows.keys}
        if is_first:
            self.keys = own
            self.intervals = {
                (frozenset((alias, name) for name in key), (alias, begin), (alias, end))
                for key, begin, end in rows.intervals
            }
            self.always_null = {(alias, name) for name in rows.always_null}
        elif side in ("RIGHT", "FULL"):
            self.keys, self.intervals = set(), set()
        elif not is_one_at_most and frozenset() not in rows.keys:
            self.keys, self.intervals = {known | key for known in self.keys for key in own}, set()

    def _place(self, node: exp.Expr | None) -> Place | None:
        """Return the place of an expression; None if it is more than a column of this query."""
        while isinstance(node, TRANSPARENT):
            node = node.this
        if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
            return None
        if node.table:
            return (node.table, node.name) if node.table in self.scope.sources else None
        for alias, source in self.scope.sources.items():
            if node.name in source.rows.columns:
                return alias, node.name
        return None

    def _columns(self) -> Iterator[_Output]:
        """Return the columns of the result, each star as the columns that it stands for."""
        for node in self.node.expressions:
            star = node if isinstance(node, exp.Star) else node.this if isinstance(node, exp.Column) else None
            if not isinstance(star, exp.Star):
                yield _Output(node.alias_or_name or _default_name(node), node.unalias(), _origins(node, self.scope))
                continue
            for alias in [node.table] if isinstance(node, exp.Column) else list(self.scope.sources):
                for name in _source(alias, self.scope).rows.columns:
                    column = exp.column(name, table=alias)
                    yield _Output(name, column, _origins(column, self.scope))

    def _names(self) -> dict[Place, str]:
        """Return the columns of the relations that are columns of the result as well, with their names there."""
        names: dict[Place, str] = {}
        for output in self.outputs:
            if place := self._place(output.expression):
                names.setdefault(place, output.name)
        return names

    def _plain(self) -> Rows:
        """Return the rows before they are grouped."""
        names = self._names()
        needed = (key - self.fixed for key in self.keys)
        keys = frozenset(frozenset(names[place] for place in key) for key in needed if key <= names.keys())
        intervals = frozenset(
            (frozenset(names[place] for place in key), names[begin], names[end])
            for key, begin, end in self.intervals
            if key | {begin, end} <= names.keys()
        )
        always_null = {output.name for output in self.outputs if _is_null(output.expression)}
        always_null |= {names[place] for place in self.always_null if place in names}
        columns = {output.name: output.origins for output in self.outputs}
        return Rows(columns, self.row_origins, self.grain, keys, intervals, frozenset(always_null))

    def _grouped(self, rows: Rows) -> Rows:
        """Return the rows after `group by`, or the one row of an aggregate without it."""
        if group := self.node.args.get("group"):
            by = [self._meant(each) for each in group.expressions]
            self.row_origins |= self._conditions(*by)
            return replace(rows, keys=self._key(by), intervals=frozenset())
        if any(_aggregates(output.expression) for output in self.outputs):
            columns = {name: origins | self.row_origins for name, origins in rows.columns.items()}
            self.row_origins = NOTHING
            return replace(rows, columns=columns, keys=frozenset({frozenset[str]()}), intervals=frozenset())
        return rows

    def _distinct(self, rows: Rows) -> frozenset[frozenset[str]]:
        """Return the key that `distinct` makes."""
        distinct = self.node.args.get("distinct")
        if not distinct:
            return frozenset()
        on = distinct.args.get("on")
        if on is None:
            self.row_origins |= strengthen(merge(rows.columns.values()), FILTER_OR_JOIN)
            return frozenset({frozenset(rows.columns)})
        by = [self._meant(each) for each in (on.expressions if isinstance(on, exp.Tuple) else [on])]
        self.row_origins |= self._conditions(*by) | self._order()
        return self._key(by)

    def _limited(self) -> frozenset[frozenset[str]]:
        """Return the key that `limit` makes, if it leaves one row."""
        limit = self.node.args.get("limit")
        if not limit:
            return frozenset()
        self.row_origins |= self._order()
        return frozenset({frozenset[str]()}) if limit.expression.name == "1" else frozenset()

    def _with_spans(self, rows: Rows) -> Rows:
        """Add the spans that end where the next one of the same thing begins."""
        names = self._names()
        keys, intervals = rows.keys, rows.intervals
        for output in self.outputs:
            window = output.expression
            if not isinstance(window, exp.Window) or not isinstance(window.this, exp.Lead):
                continue
            begin = self._place(window.this.this)
            order = window.args.get("order")
            by = [self._place(each) for each in window.args.get("partition_by") or []]
            is_in_order = order and [self._place(each.this) for each in order.expressions] == [begin]
            if not is_in_order or begin not in names or not all(each in names for each in by):
                continue
            thing = frozenset(names[each] for each in by if each)
            if any(key <= thing | {names[begin]} for key in keys):
                intervals |= {(thing, names[begin], output.name)}
                keys |= {thing | {output.name}}
        return replace(rows, keys=keys, intervals=intervals)

    def _key(self, by: list[exp.Expr]) -> frozenset[frozenset[str]]:
        """Return the key of rows that differ in some expressions, if all of these are columns of the result."""
        names = {output.expression.sql("postgres"): output.name for output in self.outputs}
        texts = [each.sql("postgres") for each in by]
        return frozenset({frozenset(names[text] for text in texts)}) if names.keys() >= set(texts) else frozenset()

    def _order(self) -> Origins:
        order = self.node.args.get("order")
        return self._conditions(*(self._meant(each.this) for each in order.expressions)) if order else NOTHING

    def _meant(self, node: exp.Expr) -> exp.Expr:
        """Return the expression that an ordinal or the alias of a column stands for."""
        if isinstance(node, exp.Literal) and not node.is_string:
            return self.outputs[int(node.name) - 1].expression
        if isinstance(node, exp.Column) and not node.table and self._place(node) is None:
            return next((output.expression for output in self.outputs if output.name == node.name), node)
        return node


def _source(alias: str, scope: Scope) -> Source:
    looked_in: Scope | None = scope
    while looked_in:
        if alias in looked_in.sources:
            return looked_in.sources[alias]
        looked_in = looked_in.outer
    raise Untraceable(f"no relation {alias}")


def _is_one_row(rows: Rows) -> bool:
    """Return whether a relation has exactly one row: an aggregate without groups, of which no row can be missing."""
    return frozenset() in rows.keys and not rows.row_origins


def _is_null(node: exp.Expr) -> bool:
    node = node.unalias()
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return isinstance(node, exp.Null)


def _default_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Cast | exp.Paren | exp.Collate):
        return node.this.alias_or_name or _default_name(node.this)
    return node.key


def _aggregates(node: exp.Expr) -> bool:
    """Return whether an expression aggregates the rows of its query, not of a window or of a query within it."""
    if isinstance(node, exp.Query | exp.Subquery):
        return False
    if isinstance(node, exp.Window):
        inner = node.this.this if isinstance(node.this, exp.Filter) else node.this
        parts = [*inner.iter_expressions(), *(node.args.get("partition_by") or [])]
        return any(map(_aggregates, parts))
    return isinstance(node, exp.AggFunc) or any(map(_aggregates, node.iter_expressions()))


def _table(node: exp.Expr, scope: Scope) -> tuple[str, Rows]:
    """Return the alias and the rows of a relation in a `from`."""
    alias = node.args.get("alias")
    name = node.alias_or_name
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        full = f"{node.db}.{node.name}" if node.db else node.name
        rows = scope.relations.get(full) if node.db else scope.ctes.get(full)
        if rows is None:
            raise Untraceable(f"no relation {full}")
        return name, _renamed(rows, alias)
    if isinstance(node, exp.Subquery):
        return name, _renamed(_query(node.this, scope), alias)
    if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
        return name, _renamed(_query(node.this.this, scope), alias)
    if isinstance(node, exp.Values):
        return name, _renamed(_values(node, scope), alias)
    # A function that returns rows, such as unnest() and generate_series().
    function = node.this if isinstance(node, exp.Table | exp.Lateral) else node
    inputs = function.expressions if isinstance(function, exp.Unnest) else [function]
    made_of = strengthen(merge(_origins(each, scope) for each in inputs), DERIVED)
    if not made_of:
        made_of = frozenset({(Column(GENERATED, function.sql("postgres")), DERIVED)})
    names = [column.name for column in alias.args.get("columns") or []] if alias else []
    columns = dict.fromkeys(names or [name], made_of)
    if isinstance(offset := node.args.get("offset"), exp.Identifier):
        columns[offset.name] = made_of
    is_series = isinstance(function, exp.GenerateSeries | exp.ExplodingGenerateSeries)
    keys = frozenset({frozenset(names)}) if is_series and names else frozenset[frozenset[str]]()
    return name, Rows(columns, strengthen(made_of, FILTER_OR_JOIN), keys=keys)


def _origins(node: exp.Expr, scope: Scope) -> Origins:
    """Return where the value of an expression comes from."""
    if isinstance(node, TRANSPARENT):
        return _origins(node.this, scope)
    if isinstance(node, exp.Column):
        return _column(node, scope)
    if isinstance(node, exp.Query | exp.Subquery):
        rows = _query(node, scope)
        return strengthen(merge(rows.columns.values()), DERIVED) | strengthen(rows.row_origins, FILTER_OR_JOIN)
    kind, parts, more = DERIVED, list(node.iter_expressions()), NOTHING
    if isinstance(node, exp.Window):
        kind, parts, more = WINDOW, list(_window_parts(node, scope)), _rows_counted(node.this, scope)
    elif isinstance(node, exp.AggFunc | exp.Filter | exp.WithinGroup):
        kind, more = AGGREGATED, _rows_counted(node, scope)
    elif isinstance(node, CLOCK):
        more = frozenset({(Column(GENERATED, "now()"), DERIVED)})
    elif (member := _member_of_row(node, scope)) is not None:
        parts, more = [], member
    return strengthen(more | merge(_origins(part, scope) for part in parts), kind)


def _rows_counted(node: exp.Expr, scope: Scope) -> Origins:
    """Return the rows that `count(*)` counts."""
    while isinstance(node, exp.Filter):
        node = node.this
    counts = isinstance(node, exp.RowNumber) or (isinstance(node, exp.Count) and isinstance(node.this, exp.Star))
    return merge(source.rows.grain for source in scope.sources.values()) if counts else NOTHING


def _window_parts(node: exp.Window, scope: Scope) -> Iterator[exp.Expr]:
    """Return everything that a window function looks at."""
    yield node.this
    part: exp.Expr | None = node
    while part is not None:
        yield from part.args.get("partition_by") or []
        if order := part.args.get("order"):
            yield from order.expressions
        named = part.args.get("alias")
        part = scope.windows.get(named.name) if isinstance(named, exp.Identifier) else None


def _member_of_row(node: exp.Expr, scope: Scope) -> Origins | None:
    """Return the origins of `to_jsonb(relation) -> 'column'`; None if an expression is anything else."""
    if not isinstance(node, exp.JSONExtract) or not isinstance(node.this, exp.Anonymous):
        return None
    argument = node.this.expressions[0] if node.this.expressions else None
    if node.this.name.lower() != "to_jsonb" or not isinstance(argument, exp.Column) or argument.table:
        return None
    source = scope.sources.get(argument.name)
    path = [part.this for part in node.expression.find_all(exp.JSONPathKey)]
    if source is None or len(path) != 1 or path[0] not in source.rows.columns:
        return None
    return source.rows.columns[path[0]] | source.condition


def _column(node: exp.Column, scope: Scope) -> Origins:
    looked_in: Scope | None = scope
    while looked_in:
        if node.table:
            source = looked_in.sources.get(node.table)
            if source and node.name in source.rows.columns:
                return source.rows.columns[node.name] | source.condition
            if source:
                raise Untraceable(f"no column {node.name} in {node.table}")
        else:
            for source in looked_in.sources.values():
                if node.name in source.rows.columns:
                    return source.rows.columns[node.name] | source.condition
            if source := looked_in.sources.get(node.name):
                # The row as a whole.
                return strengthen(merge(source.rows.columns.values()) | source.condition, DERIVED)
        looked_in = looked_in.outer
    raise Untraceable(f"no column {node.sql('postgres')}")
