"""What the condition of a join or a filter says about columns: which of them it gives one value."""

from collections.abc import Callable, Iterator

from sqlglot import exp

from scripts.lineage.rows import Rows

# A column of a query: the alias of its relation, and its name.
Place = tuple[str, str]
# Returns the place that an expression is; None if it is more than a column.
Find = Callable[[exp.Expr | None], Place | None]
# These compare with many values at once.
MANY = (exp.Any, exp.All, exp.Query)


def finds_one_at_most(condition: exp.Expr | None, alias: str, rows: Rows, find: Find) -> bool:
    """Return whether a join finds one row at most of a relation for each row before.

    Args:
        condition: of the join; None of a cross join.
        alias: of the joined relation.
        rows: of the joined relation.
        find: finds the place of a column.
    """
    if condition is None:
        return frozenset() in rows.keys
    bound = {name for _, name in bound_places(condition, alias, find)}
    return any(key <= bound for key in rows.keys) or any(
        key <= bound and _is_within(condition, (alias, begin), (alias, end), find) for key, begin, end in rows.intervals
    )


def bound_places(condition: exp.Expr, alias: str | None, find: Find) -> Iterator[Place]:
    """Return the columns that have one value where a condition holds.

    Args:
        condition: of a join or a filter.
        alias: the relation whose columns are asked for, given the values of the others; None for columns that equal a
            constant.
        find: finds the place of a column.
    """
    for part in _conjuncts(condition):
        if isinstance(part, exp.EQ):
            for one, other in ((part.this, part.expression), (part.expression, part.this)):
                place = find(one)
                if place is None or other.find(*MANY):
                    continue
                needed = {each[0] for each in map(find, other.find_all(exp.Column)) if each}
                if (alias is None and not needed) or (place[0] == alias and alias not in needed):
                    yield place
            continue
        # A flag, its opposite, or a null.
        plain = part.this if isinstance(part, exp.Not) else part
        if isinstance(part, exp.Is) and isinstance(part.expression, exp.Null):
            plain = part.this
        place = find(plain)
        if place and alias in (None, place[0]):
            yield place


def equal_places(condition: exp.Expr, alias: str, find: Find) -> Iterator[Place]:
    """Return the columns of other relations that a condition makes equal to columns of one relation."""
    for part in _conjuncts(condition):
        if isinstance(part, exp.EQ):
            one, other = find(part.this), find(part.expression)
            if one and other and (one[0] == alias) != (other[0] == alias):
                yield other if one[0] == alias else one


def _is_within(condition: exp.Expr, begin: Place, end: Place, find: Find) -> bool:
    """Return whether a join looks for the row whose span contains one moment."""
    moments: dict[Place, set[str]] = {begin: set(), end: set()}
    for part in _conjuncts(condition):
        # moment >= begin and moment < end, written from either side
        for kind, bound, this, moment in (
            (exp.GTE, begin, part.args.get("expression"), part.this),
            (exp.LTE, begin, part.this, part.args.get("expression")),
            (exp.LT, end, part.args.get("expression"), part.this),
            (exp.GT, end, part.this, part.args.get("expression")),
        ):
            if isinstance(part, kind) and moment is not None and find(this) == bound:
                moments[bound].add(moment.sql("postgres"))
    return bool(moments[begin] & moments[end])


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Paren):
        yield from _conjuncts(node.this)
    elif isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node
