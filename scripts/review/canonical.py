"""Two texts of SQL that mean the same have one canonical text, without comments, layout and names that nobody sees.

What makes no difference: comments and layout, the case of key words and names, the names and the order of CTEs, CTEs
that nothing reads, a CTE that only imports a relation (`select * from sales`), an end that only selects a CTE
(`select * from final`), the aliases of relations, and `as` with the name that a column has anyway. The names and the
order of the columns that come out make one, and so does everything else.
"""

import hashlib
import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
DIALECT = "postgres"
# The sources of a query: what can stand in `from` and `join`.
SOURCES = (exp.Table, exp.Subquery, exp.Lateral, exp.Unnest, exp.Values)


def canonical(sql: str) -> str:
    """Return the canonical text of a query.

    Args:
        sql: compiled SQL. Text that sqlglot cannot parse is only rid of comments and layout.
    """
    try:
        tree = sqlglot.parse_one(sql, dialect=DIALECT)
    except SqlglotError:
        return _words(sql)
    if isinstance(tree, exp.Command):
        return _words(sql)
    for node in tree.walk():
        node.comments = None
    for name in tree.find_all(exp.Identifier):
        _fold(name)
    for column in list(tree.find_all(exp.Alias)):
        if isinstance(column.this, exp.Column) and column.this.name == column.alias and column.parent:
            column.replace(column.this)
    _name_ctes_by_content(tree)
    _name_sources_by_place(tree, {}, [0])
    return tree.sql(dialect=DIALECT, comments=False)


def _words(sql: str) -> str:
    """Return the words of a text without comments and layout, for what the parser does not know."""
    try:
        return " ".join(token.text for token in sqlglot.tokenize(sql, read=DIALECT))
    except SqlglotError:
        return " ".join(sql.split())


def _fold(name: exp.Identifier) -> None:
    """Write a name as PostgreSQL takes it: in lower case, without quotes that it does not need."""
    if not name.args.get("quoted"):
        name.set("this", name.this.lower())
    elif PLAIN_NAME.fullmatch(name.this):
        name.set("quoted", False)


def _name_ctes_by_content(tree: exp.Expr) -> None:
    """Name each CTE by a digest of its query, innermost first; drop those that only pass something on."""
    for clause in reversed(list(tree.find_all(exp.With))):
        query = clause.parent
        if query is None:
            continue
        for cte in list(clause.expressions):
            _end_in_query(cte.this)
            imported = _imported(cte.this)
            body = _digest(cte, clause)
            for table in list(_reads_of(query, cte)):
                if imported is not None:
                    relation = imported.copy()
                    relation.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias_or_name)))
                    table.replace(relation)
                else:
                    if not table.alias:
                        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
                    table.set("this", exp.to_identifier(body))
            cte.set(
                "alias", exp.TableAlias(this=exp.to_identifier(body), columns=cte.args["alias"].args.get("columns"))
            )
            if imported is not None:
                cte.pop()
        _end_in_query(query)
        _drop_unread(query, clause)
        clause.set("expressions", sorted(clause.expressions, key=lambda cte: str(cte.alias)))
        if not clause.expressions:
            query.set("with_", None)


def _digest(cte: exp.CTE, clause: exp.With) -> str:
    """Return a name for a CTE that follows from its query, whatever it and its sources are called."""
    content = cte.this.copy()
    for table in content.find_all(exp.Table):
        if clause.args.get("recursive") and table.name == cte.alias and not table.db:
            table.set("this", exp.to_identifier("itself"))
    _name_sources_by_place(content, {}, [0])
    kind = f"{cte.args.get('materialized')} {cte.args['alias'].args.get('columns')}"
    return "cte_" + hashlib.md5(f"{kind} {content.sql(dialect=DIALECT, comments=False)}".encode()).hexdigest()[:12]


def _reads_of(query: exp.Expr, cte: exp.CTE) -> Iterator[exp.Table]:
    """Yield the places in a query that read one of its CTEs."""
    for table in query.find_all(exp.Table):
        if table.name == cte.alias and not table.db:
            yield table


def _imported(query: exp.Expr) -> exp.Table | None:
    """Return the relation of a query that is nothing but `select * from relation`."""
    if not isinstance(query, exp.Select) or not _is_only_star(query):
        return None
    source = query.args.get("from_")
    table = source.this if source else None
    return table if isinstance(table, exp.Table) and not table.args.get("joins") else None


def _is_only_star(query: exp.Select) -> bool:
    """Return whether a query selects all columns of one source and does nothing else."""
    allowed = {"expressions", "from_", "with_", "kind"}
    star = len(query.expressions) == 1 and isinstance(query.expressions[0], exp.Star)
    return (
        star
        and not query.expressions[0].args.get("except")
        and not any(value for name, value in query.args.items() if name not in allowed)
    )


def _end_in_query(query: exp.Expr) -> None:
    """Put the query of the last CTE in the place of `select * from` that CTE."""
    clause = query.args.get("with_")
    table = _imported(query)
    if clause is None or table is None or table.db:
        return
    last = next((cte for cte in clause.expressions if cte.alias == table.name), None)
    if last is None or last.args["alias"].args.get("columns") or not isinstance(last.this, exp.Select):
        return
    body = last.this.copy()
    if body.args.get("with_"):
        return
    for name, value in body.args.items():
        query.set(name, value)
    last.pop()


def _drop_unread(query: exp.Expr, clause: exp.With) -> None:
    """Drop the CTEs that nothing reads, until none is left."""
    while True:
        unread = [cte for cte in clause.expressions if not any(True for _ in _reads_of(query, cte))]
        if not unread:
            return
        for cte in unread:
            cte.pop()


def _name_sources_by_place(tree: exp.Expr, outer: dict[str, str], counter: list[int]) -> None:
    """Name the sources of each query by their place in it, and the columns after them."""
    for query in _nearest(tree, exp.Select):
        _name_sources_of(query, outer, counter)


def _name_sources_of(query: exp.Select, outer: dict[str, str], counter: list[int]) -> None:
    names = dict(outer)
    sources = list(_sources(query))
    aliases = [source.alias_or_name for source in sources]
    columns = list(_own_columns(query))
    # A bare name that is also an alias is a whole row or a column: then the aliases stay.
    keeps = len(set(aliases)) < len(aliases) or any(not column.table and column.name in aliases for column in columns)
    for source, alias in zip(sources, aliases, strict=True):
        if keeps or not alias:
            names.pop(alias, None)
            continue
        counter[0] += 1
        names[alias] = f"t{counter[0]}"
        columns_of_alias = source.args["alias"].args.get("columns") if source.args.get("alias") else None
        source.set("alias", exp.TableAlias(this=exp.to_identifier(names[alias]), columns=columns_of_alias))
    for column in columns:
        if column.table in names:
            column.set("table", exp.to_identifier(names[column.table]))
        if len(sources) == 1 and not outer and not keeps and column.table == names.get(aliases[0]):
            column.set("table", None)
    for child in query.iter_expressions():
        _name_sources_by_place(child, names, counter)


def _sources(query: exp.Select) -> Iterator[exp.Expr]:
    """Yield what a query reads: in `from`, in joins and laterals."""
    source = query.args.get("from_")
    for clause in [source, *(query.args.get("joins") or []), *(query.args.get("laterals") or [])]:
        found = clause.this if isinstance(clause, (exp.From, exp.Join)) else clause
        if isinstance(found, SOURCES):
            yield found
            for join in found.args.get("joins") or []:
                if isinstance(join.this, SOURCES):
                    yield join.this


def _own_columns(query: exp.Select) -> Iterator[exp.Column]:
    """Yield the columns that a query names itself, not those of the queries inside."""
    for node in query.walk(prune=lambda node: isinstance(node, exp.Select) and node is not query):
        if isinstance(node, exp.Column):
            yield node


def _nearest(tree: exp.Expr, kind: type[exp.Select]) -> Iterator[exp.Select]:
    """Yield the outermost queries of a tree."""
    for node in tree.walk(prune=lambda node: isinstance(node, kind)):
        if isinstance(node, kind):
            yield node
