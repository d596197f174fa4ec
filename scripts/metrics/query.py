"""A question about metrics: which, by what, of which rows, in which order."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, get_args

from scripts.errors import Refusal, printable

Operator = Literal["=", "<>", "<", "<=", ">", ">=", "in", "not in"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
# What MetricFlow renders as a template, and what would end a literal.
ESCAPED = {"\\": "\\\\", "'": "''", "{": "\\x7b", "}": "\\x7d", "%": "\\x25", "#": "\\x23"}


@dataclass(frozen=True)
class Condition:
    """A condition on a dimension.

    Attributes:
        dimension: a name of the catalogue, such as `country__country_name` or `metric_time__month`, or a short name.
        operator: how the dimension compares with the values.
        values: one value, or several with `in` and `not in`. PostgreSQL reads each as the type of the dimension.
    """

    dimension: str
    operator: Operator
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise Refusal(f"operator {printable(str(self.operator))!r} is unknown: use one of {', '.join(OPERATORS)}.")
        several = self.operator in ("in", "not in")
        if not self.values or (len(self.values) > 1 and not several):
            wanted = "at least one value" if several else "exactly one value"
            raise Refusal(f"{printable(self.dimension)} {self.operator} needs {wanted}, not {len(self.values)}.")


@dataclass(frozen=True)
class Query:
    """A question about metrics.

    Attributes:
        metrics: names of metrics.
        group_by: dimensions, as names of the catalogue or short names (`month`, `country`).
        where: conditions; all of them hold.
        order_by: metrics and dimensions, each with `-` in front for descending order. The dimensions follow as a tie
            break, so the order of rows never changes between two answers.
        limit: how many rows at most.
        start: the first day.
        end: the last day, included.
    """

    metrics: tuple[str, ...]
    group_by: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    start: date | None = None
    end: date | None = None

    def __post_init__(self) -> None:
        if not self.metrics:
            raise Refusal("a question needs a metric: `make metrics` lists them.")
        if self.limit is not None and self.limit < 1:
            raise Refusal(f"a limit of {self.limit} rows returns nothing: give 1 or more, or none.")
        if self.start and self.end and self.start > self.end:
            raise Refusal(f"the period ends on {self.end}, before it starts on {self.start}: exchange the two days.")


@dataclass(frozen=True)
class Compiled:
    """A question in SQL.

    Attributes:
        sql: one statement that reads gold.
        query: the question with the full names of metrics and dimensions.
        columns: the columns of the answer: dimensions, then metrics.
    """

    sql: str
    query: Query
    columns: tuple[str, ...] = field(default=())


def literal(value: str) -> str:
    """Return a value as a literal of PostgreSQL that no template engine and no driver can read as anything else."""
    if "\0" in value:
        raise Refusal(f"{printable(value)!r} has a NUL character, which no text in PostgreSQL has.")
    return "E'" + "".join(ESCAPED.get(letter, letter) for letter in value) + "'"
