"""`make mcp`: a server of the Model Context Protocol, on standard input and output, that can only read the release.

There is no tool that runs SQL of the model: on the embedded server the session is that of the owner, and SQL could give
itself the right to write.
"""

from collections.abc import Callable
from datetime import date
from threading import Lock
from typing import Any

import psycopg
from mcp.server import MCPServer

from scripts.ask.outcome import Json
from scripts.ask.session import Questions, plain
from scripts.errors import Refusal, printable
from scripts.metrics.answers import ask as ask_release
from scripts.metrics.catalogue import catalogue
from scripts.metrics.compiler import compile_query
from scripts.metrics.query import Condition, Operator, Query

NAME = "retail-warehouse"
MOST_ROWS = 1_000
INSTRUCTIONS = """\
Figures of a retail warehouse, from its published release. Take every number from a tool, never from memory.
Use `ask` first: it answers a question in plain English, or says which of several meanings to choose. If it asks back,
pass the choices on to the user. Use `query_metric` for what `ask` cannot express. `list_metrics` and `list_dimensions`
name what there is.
Amounts are in pounds sterling; shares are fractions (0.05 is 5 %); decimals are texts, exact to the last digit."""


def server(questions: Questions) -> MCPServer:
    """Return the server.

    Args:
        questions: a session of questions, which answers one call at a time.
    """
    served = MCPServer(NAME, instructions=INSTRUCTIONS, log_level="ERROR")
    one_at_a_time = Lock()

    def guarded(work: Callable[[], Json]) -> Json:
        """Return what some work returns, or its refusal, as JSON: a model can read either."""
        with one_at_a_time:
            try:
                return work()
            except Refusal as refusal:
                return {"status": "refused", "says": refusal.message}
            except psycopg.Error as error:
                return {"status": "refused", "says": f"PostgreSQL does not answer: {' '.join(str(error).split())}."}

    @served.tool()
    def list_metrics() -> Json:
        """List the metrics: name, label, meaning, unit, other words, and the dimensions that each can be grouped by."""
        return {
            "metrics": [
                {
                    "name": metric.name,
                    "label": metric.label,
                    "description": metric.description,
                    "unit": metric.unit,
                    "synonyms": list(metric.synonyms),
                    "dimensions": list(metric.dimensions),
                }
                for metric in catalogue().metrics.values()
            ]
        }

    @served.tool()
    def list_dimensions(metric: str = "") -> Json:
        """List the dimensions, of one metric or of all: name, label and meaning. `metric_time__month` groups by month.

        Args:
            metric: the name of a metric; empty for all.
        """
        known = catalogue()
        if metric and metric not in known.metrics:
            return {"status": "refused", "says": f"metric {printable(metric)!r} is unknown: see list_metrics."}
        names = known.metrics[metric].dimensions if metric else list(known.dimensions)
        return {
            "dimensions": [
                {"name": name, "label": known.dimensions[name].label, "description": known.dimensions[name].description}
                for name in names
                if name in known.dimensions
            ]
        }

    @served.tool()
    def ask(question: str) -> Json:
        """Answer a question in plain English, such as "return rate by country in 2011".

        Args:
            question: one question, with a metric, and if wanted dimensions, values, a period, an order, a comparison.
        """
        return guarded(lambda: questions.told(question))

    @served.tool()
    def query_metric(  # noqa: PLR0917  # the protocol names each argument
        metrics: list[str],
        group_by: list[str] | None = None,
        where: list[dict[str, Any]] | None = None,
        start: date | None = None,
        end: date | None = None,
        order_by: list[str] | None = None,
        limit: int = MOST_ROWS,
    ) -> Json:
        """Compute metrics from the release.

        Args:
            metrics: names of metrics.
            group_by: names of dimensions, or `day`, `week`, `month`, `quarter`, `year`.
            where: conditions, all of which hold: `{"dimension": ..., "operator": "in", "values": [...]}`. Operators are
                `=`, `<>`, `<`, `<=`, `>`, `>=`, `in` and `not in`.
            start: the first day, such as 2011-01-01.
            end: the last day, included.
            order_by: metrics and dimensions, with `-` in front for descending order.
            limit: how many rows at most, up to 1,000.
        """

        def work() -> Json:
            query = Query(
                metrics=tuple(metrics),
                group_by=tuple(group_by or ()),
                where=tuple(condition(each) for each in where or ()),
                order_by=tuple(order_by or ()),
                limit=min(limit, MOST_ROWS),
                start=start,
                end=end,
            )
            answer = ask_release(compile_query(query), questions.session)
            return {
                "status": "answered",
                "columns": list(answer.columns),
                "rows": [[plain(value) for value in row] for row in answer.rows],
                "sql": answer.compiled.sql,
                "release": answer.release,
            }

        return guarded(work)

    return served


def condition(given: dict[str, Any]) -> Condition:
    """Return a condition of a call.

    Args:
        given: `dimension`, `operator` and `values`.

    Raises:
        Refusal: a part is missing or unknown.
    """
    if set(given) != {"dimension", "operator", "values"} or not isinstance(given["values"], list):
        raise Refusal('a condition has a dimension, an operator and a list of values: {"dimension": ..., ...}.')
    # `Condition` refuses an operator that is none.
    operator: Operator = given["operator"]
    return Condition(str(given["dimension"]), operator, tuple(str(value) for value in given["values"]))


def main() -> None:
    """Serve until the input ends."""
    # Before the first message: what dbt might print belongs to no message.
    catalogue()
    with Questions() as questions:
        server(questions).run("stdio")


if __name__ == "__main__":
    main()
