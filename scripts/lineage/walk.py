"""Follow the columns of one query from its result to the relations that it reads."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from sqlglot import exp, parse_one

from scripts.lineage.edges import (
    AGGREGATED,
    DERIVED,
    FILTER_OR_JOIN,
    GENERATED,
    KINDS,
    PASSED_ON,
    ROWS,
    WINDOW,
    Column,
)

# A column with how it gets there. The same column can come by several ways.
Origins = frozenset[tuple[Column, str]]
NOTHING: Origins = frozenset()
# What does not change a value.
TRANSPARENT = (exp.Paren, exp.Alias, exp.Collate)
# What the server's clock says.
CLOCK = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime)


class Untraceable(Exception):
    """A query that names a column which none of its relations has."""


class Interval(tuple[frozenset[str], str, str]):
    """Columns that identify a thing, and the half-open span in which a row of it is valid: no two spans overlap."""

    __slots__ = ()


@dataclass(frozen=True)
class Rows:
    """The result of a query, or a relation.

    Attributes:
        columns: where each column comes from.
        row_origins: what decides which rows there are.
        grain: the relations whose rows these are.
        keys: sets of columns of which no two rows have the same values. The empty set means one row at most.
        intervals: spans that do not overlap.
        always_null: columns that hold nothing but null, which no join finds.
    """

    columns: Mapping[str, Origins]
    row_origins: Origins = NOTHING
    grain: Origins = NOTHING
    keys: frozenset[frozenset[str]] = frozenset()
    intervals: frozenset[tuple[frozenset[str], str, str]] = frozenset()
    always_null: frozenset[str] = frozenset()


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


def strengthen(origins: Iterable[tuple[Column, str]], kind: str) -> Origins:
    """Return origins after one more step of a kind."""
    at_least = KINDS.index(kind)
    return frozenset((column, KINDS[max(at_least, KINDS.index(known))]) for column, known in origins)


def merge(many: Iterable[Origins]) -> Origins:
    """Return the origins of something that is made of several things."""
    return frozenset(chain.from_iterable(many))


def relation(name: str, columns: Iterable[str], **properties: frozenset) -> Rows:  # type: ignore[type-arg]
    """Return a relation of the project, as the beginning of a walk.

    Args:
        name: the layer and the name.
        columns: the names of its columns.
        properties: keys, intervals and columns that are always null.
    """
    rows = frozenset({(Column(name, ROWS), FILTER_OR_JOIN)})
    passed_on = {column: frozenset({(Column(name, column), PASSED_ON)}) for column in columns}
    return Rows(passed_on, rows, frozenset({(Column(name, ROWS), PASSED_ON)}), **properties)


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
    other = _renamed_to(right, names)
    columns = {name: left.columns[name] | other.columns[name] for name in names}
    row_origins = left.row_origins | other.row_origins
    keys, intervals = frozenset[frozenset[str]](), frozenset[tuple[frozenset[str], str, str]]()
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


def _renamed_to(rows: Rows, names: list[str]) -> Rows:
    """Return rows whose first columns have other names."""
    new = dict(zip(rows.columns, names, strict=False))

    def renamed(columns: Iterable[str]) -> frozenset[str]:
        return frozenset(new.get(name, name) for name in columns)

    return replace(
        rows,
        columns={new.get(name, name): origins for name, origins in rows.columns.items()},
        keys=frozenset(renamed(key) for key in rows.keys),
        intervals=frozenset((renamed(key), new.get(a, a), new.get(b, b)) for key, a, b in rows.intervals),
        always_null=renamed(rows.always_null),
    )


def _renamed(rows: Rows, alias: exp.Expr | None) -> Rows:
    names = [column.name for column in alias.args.get("columns") or []] if alias else []
    return _renamed_to(rows, names) if names else rows


class _Select:
    """One `select`, from its `from` to its columns."""

    def __init__(self, node: exp.Select, scope: Scope) -> None:
        self.node = node
        self.scope = scope
        self.row_origins = NOTHING
        self.grain = NOTHING
        # Keys, intervals and nulls of the relation that decides how many rows there are, by alias and column.
        self.keys: set[frozenset[tuple[str, str]]] = {frozenset()}
        self.intervals: set[tuple[frozenset[tuple[str, str]], tuple[str, str], tuple[str, str]]] = set()
        self.always_null: set[tuple[str, str]] = set()
        # Columns that have one value in all rows, so that a key does not need them.
        self.fixed: set[tuple[str, str]] = set()

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
            self.fixed |= set(self._bound(where.this, None))
        columns = self._columns()
        return self._shaped(columns)

    def _conditions(self, node: exp.Expr) -> Origins:
        return strengthen(_origins(node, self.scope), FILTER_OR_JOIN)

    def _add(self, node: exp.Expr, join: exp.Join | None) -> None:
        """Add a relation of the `from`, and what it does to the rows."""
        alias, rows = _table(node, self.scope)
        self.scope.sources[alias] = Source(rows)
        condition = join.args.get("on") if join else None
        side = (join.side or "").upper() if join else ""
        on = self._conditions(condition) if condition is not None else NOTHING
        for name in (column.name for column in (join.args.get("using") or [])) if join else ():
            on |= strengthen(
                merge(s.rows.columns.get(name, NOTHING) for s in self.scope.sources.values()), FILTER_OR_JOIN
            )
        together = on | rows.row_origins
        is_first = len(self.scope.sources) == 1
        is_one_at_most = not is_first and self._finds_one_at_most(alias, rows, condition)
        if is_one_at_most and (side == "LEFT" or (condition is None and _is_one_row(rows))):
            # Neither adds nor removes rows: only what uses its columns depends on it.
            self.scope.sources[alias].condition = together
            return
        self.row_origins |= together
        self.grain |= rows.grain
        if side in ("RIGHT", "FULL"):
            self.keys = set()
            self.intervals = set()
        elif is_first:
            self.keys = {frozenset((alias, name) for name in key) for key in rows.keys}
            self.intervals = {
                (frozenset((alias, name) for name in key), (alias, begin), (alias, end))
                for key, begin, end in rows.intervals
            }
            self.always_null = {(alias, name) for name in rows.always_null}
        elif is_one_at_most or frozenset() in rows.keys:
            if condition is not None and frozenset() in rows.keys:
                # What equals the column of a single row has one value.
                self.fixed |= set(self._equal_to(condition, alias))
        else:
            own = [frozenset((alias, name) for name in key) for key in rows.keys]
            self.keys = {known | key for known in self.keys for key in own}
            self.intervals = set()

    def _finds_one_at_most(self, alias: str, rows: Rows, condition: exp.Expr | None) -> bool:
        bound = {name for _, name in self._bound(condition, alias)} if condition is not None else set()
        if any(key <= bound for key in rows.keys):
            return True
        return any(
            key <= bound and self._is_within(alias, begin, end, condition)
            for key, begin, end in rows.intervals
            if condition is not None
        )

    def _bound(self, condition: exp.Expr, alias: str | None) -> Iterator[tuple[str, str]]:
        """Return the columns that a condition gives one value, from outside of the relation or from a constant."""
        for part in _conjuncts(condition):
            if isinstance(part, exp.EQ):
                for one, other in ((part.this, part.expression), (part.expression, part.this)):
                    place = self._place(one)
                    if place is None:
                        continue
                    of_other = {each for each in map(self._place, other.find_all(exp.Column)) if each}
                    if alias is None:
                        if not of_other and not any(True for _ in other.find_all(exp.Query)):
                            yield place
                    elif place[0] == alias and all(each[0] != alias for each in of_other):
                        yield place
                continue
            plain = part.this if isinstance(part, exp.Not) else part
            if isinstance(plain, exp.Is) and isinstance(plain.expression, exp.Null) and plain is part:
                plain = plain.this
            place = self._place(plain)
            if place and alias in (None, place[0]):
                yield place

    def _equal_to(self, condition: exp.Expr, alias: str) -> Iterator[tuple[str, str]]:
        """Return the columns of other relations that a condition makes equal to columns of this one."""
        for part in _conjuncts(condition):
            if isinstance(part, exp.EQ):
                one, other = self._place(part.this), self._place(part.expression)
                if one and other and (one[0] == alias) != (other[0] == alias):
                    yield other if one[0] == alias else one

    def _is_within(self, alias: str, begin: str, end: str, condition: exp.Expr) -> bool:
        """Return whether a join looks for the row whose span contains one moment."""
        moments: dict[str, set[str]] = {begin: set(), end: set()}
        for part in _conjuncts(condition):
            # x >= begin and x < end, written from either side
            for kind, name, this, other in (
                (exp.GTE, begin, part.args.get("expression"), part.this),
                (exp.LTE, begin, part.this, part.args.get("expression")),
                (exp.LT, end, part.args.get("expression"), part.this),
                (exp.GT, end, part.this, part.args.get("expression")),
            ):
                if isinstance(part, kind) and other is not None and self._place(this) == (alias, name):
                    moments[name].add(other.sql("postgres"))
        return bool(moments[begin] & moments[end])

    def _place(self, node: exp.Expr | None) -> tuple[str, str] | None:
        """Return the alias and the column that an expression is, if it is nothing but a column of this query."""
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

    def _columns(self) -> list[tuple[str, exp.Expr, Origins]]:
        """Return the columns of the result: the name, the expression, and where it comes from."""
        found: list[tuple[str, exp.Expr, Origins]] = []
        for node in self.node.expressions:
            star = node if isinstance(node, exp.Star) else node.this if isinstance(node, exp.Column) else None
            if not isinstance(star, exp.Star):
                name = node.alias_or_name or _default_name(node)
                found.append((name, node, _origins(node, self.scope)))
                continue
            aliases = [node.table] if isinstance(node, exp.Column) else list(self.scope.sources)
            for alias in aliases:
                for name in self._source(alias).rows.columns:
                    column = exp.column(name, table=alias)
                    found.append((name, column, _origins(column, self.scope)))
        return found

    def _source(self, alias: str) -> Source:
        scope: Scope | None = self.scope
        while scope:
            if alias in scope.sources:
                return scope.sources[alias]
            scope = scope.outer
        raise Untraceable(f"no relation {alias}")

    def _shaped(self, found: list[tuple[str, exp.Expr, Origins]]) -> Rows:  # noqa: PLR0912
        """Group, deduplicate, sort and limit."""
        node = self.node
        columns = {name: origins for name, _, origins in found}
        places: dict[tuple[str, str], str] = {}
        for name, expression, _ in found:
            if place := self._place(expression):
                places.setdefault(place, name)
        keys = self._named(self.keys, places)
        intervals = frozenset(
            (frozenset(places[each] for each in key), places[begin], places[end])
            for key, begin, end in self.intervals
            if key | {begin, end} <= places.keys()
        )
        group = node.args.get("group")
        grain = self.grain
        if group:
            by = [self._meant(each, found) for each in group.expressions]
            self.row_origins |= merge(self._conditions(each) for each in by)
            texts = {expression.unalias().sql("postgres"): name for name, expression, _ in found}
            wanted = [each.sql("postgres") for each in by]
            keys = (
                frozenset({frozenset(texts[text] for text in wanted)})
                if all(t in texts for t in wanted)
                else frozenset()
            )
            intervals = frozenset()
        elif any(_aggregates(expression) for _, expression, _ in found):
            columns = {name: origins | self.row_origins for name, origins in columns.items()}
            self.row_origins = NOTHING
            keys, intervals = frozenset({frozenset[str]()}), frozenset()
        if having := node.args.get("having"):
            self.row_origins |= self._conditions(having.this)
        if distinct := node.args.get("distinct"):
            on = distinct.args.get("on")
            if on is None:
                self.row_origins |= strengthen(merge(columns.values()), FILTER_OR_JOIN)
                keys |= {frozenset(columns)}
            else:
                by = on.expressions if isinstance(on, exp.Tuple) else [on]
                self.row_origins |= merge(self._conditions(self._meant(each, found)) for each in by)
                self.row_origins |= self._order(found)
                texts = {expression.unalias().sql("postgres"): name for name, expression, _ in found}
                wanted = [self._meant(each, found).sql("postgres") for each in by]
                if all(text in texts for text in wanted):
                    keys |= {frozenset(texts[text] for text in wanted)}
        if limit := node.args.get("limit"):
            self.row_origins |= self._order(found)
            if limit.expression.name == "1":
                keys |= {frozenset()}
        for name, expression, _ in found:
            if lead := self._lead(expression):
                key, begin = lead
                if key | {begin} <= places.keys():
                    thing = frozenset(places[each] for each in key)
                    if thing | {places[begin]} in keys or any(known <= thing | {places[begin]} for known in keys):
                        intervals |= {(thing, places[begin], name)}
                        keys |= {thing | {name}}
        always_null = frozenset(name for name, expression, _ in found if _is_null(expression)) | frozenset(
            places[place] for place in self.always_null if place in places
        )
        return Rows(columns, self.row_origins, grain, keys, intervals, always_null)

    def _named(
        self, keys: set[frozenset[tuple[str, str]]], places: dict[tuple[str, str], str]
    ) -> frozenset[frozenset[str]]:
        needed = (key - self.fixed for key in keys)
        return frozenset(frozenset(places[place] for place in key) for key in needed if key <= places.keys())

    def _lead(self, node: exp.Expr) -> tuple[frozenset[tuple[str, str]], tuple[str, str]] | None:
        """Return the key and the beginning if a column is where the next row of the key begins."""
        window = node.unalias()
        if not isinstance(window, exp.Window) or not isinstance(window.this, exp.Lead):
            return None
        order = window.args.get("order")
        begin = self._place(window.this.this)
        by = [self._place(each) for each in window.args.get("partition_by") or []]
        if not begin or not by or None in by or not order or len(order.expressions) != 1:
            return None
        if self._place(order.expressions[0].this) != begin:
            return None
        return frozenset(each for each in by if each), begin

    def _order(self, found: list[tuple[str, exp.Expr, Origins]]) -> Origins:
        order = self.node.args.get("order")
        return (
            merge(self._conditions(self._meant(each.this, found)) for each in order.expressions) if order else NOTHING
        )

    def _meant(self, node: exp.Expr, found: list[tuple[str, exp.Expr, Origins]]) -> exp.Expr:
        """Return the expression that an ordinal or the alias of a column stands for."""
        if isinstance(node, exp.Literal) and not node.is_string:
            return found[int(node.name) - 1][1].unalias()
        if isinstance(node, exp.Column) and not node.table and self._place(node) is None:
            for name, expression, _ in found:
                if name == node.name:
                    return expression.unalias()
        return node


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


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Paren):
        yield from _conjuncts(node.this)
    elif isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node


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


def _origins(node: exp.Expr, scope: Scope) -> Origins:  # noqa: PLR0911
    """Return where the value of an expression comes from."""
    if isinstance(node, TRANSPARENT):
        return _origins(node.this, scope)
    if isinstance(node, exp.Column):
        return _column(node, scope)
    if isinstance(node, exp.Query | exp.Subquery):
        rows = _query(node, scope)
        return strengthen(merge(rows.columns.values()), DERIVED) | strengthen(rows.row_origins, FILTER_OR_JOIN)
    if isinstance(node, exp.Window):
        return strengthen(merge(_origins(part, scope) for part in _window_parts(node, scope)), WINDOW) | (
            strengthen(_rows_counted(node.this, scope), WINDOW)
        )
    if isinstance(node, exp.AggFunc | exp.Filter | exp.WithinGroup):
        inner = merge(_origins(part, scope) for part in node.iter_expressions())
        return strengthen(inner | _rows_counted(node, scope), AGGREGATED)
    if isinstance(node, CLOCK):
        return frozenset({(Column(GENERATED, "now()"), DERIVED)})
    if (member := _member_of_row(node, scope)) is not None:
        return strengthen(member, DERIVED)
    return strengthen(merge(_origins(part, scope) for part in node.iter_expressions()), DERIVED)


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
