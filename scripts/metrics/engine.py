"""MetricFlow in this process: what can be grouped by what, and SQL. Importing this module takes one to three seconds.

No adapter of dbt and no connection is opened: MetricFlow only writes SQL.
"""

import functools
from collections.abc import Iterator
from typing import cast

from metricflow.engine.metricflow_engine import (
    MetricFlowEngine,
    MetricFlowQueryRequest,
    OutputColumnOrderMode,
)
from metricflow.protocols.sql_client import SqlClient, SqlEngine
from metricflow.sql.render.expr_renderer import SqlExpressionRenderer, SqlExpressionRenderResult
from metricflow.sql.render.postgres import PostgresSqlExpressionRenderer, PostgresSQLSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from metricflow_semantics.sql.sql_exprs import SqlDateTruncExpression, SqlSubtractTimeIntervalExpression

from scripts.metrics.query import Condition, Query, literal

METRIC_TIME = "metric_time"


class DateRenderer(PostgresSqlExpressionRenderer):
    """Render days as dates. All time dimensions of the project have the grain of a day.

    MetricFlow truncates days to days: `date_trunc` of a date is a timestamp in the zone of the session, which no index
    and no list of partitions knows, and which equals no date in a hash join.
    """

    def visit_date_trunc_expr(self, node: SqlDateTruncExpression) -> SqlExpressionRenderResult:
        """Render the first day of a period as a date."""
        argument = self.render_sql_expr(node.arg)
        grain = node.time_granularity.value
        sql = (
            f"CAST({argument.sql} AS DATE)"
            if grain == "day"
            else f"CAST(DATE_TRUNC('{grain}', CAST({argument.sql} AS TIMESTAMP)) AS DATE)"
        )
        return SqlExpressionRenderResult(sql=sql, bind_parameter_set=argument.bind_parameter_set)

    def visit_subtract_time_interval_expr(self, node: SqlSubtractTimeIntervalExpression) -> SqlExpressionRenderResult:
        """Render the day that is some time before another as a date."""
        shifted = super().visit_subtract_time_interval_expr(node)
        return SqlExpressionRenderResult(
            sql=f"CAST({shifted.sql} AS DATE)", bind_parameter_set=shifted.bind_parameter_set
        )


class PlanRenderer(PostgresSQLSqlPlanRenderer):
    """Render statements of PostgreSQL, with days as dates."""

    EXPR_RENDERER = DateRenderer()

    @property
    def expr_renderer(self) -> SqlExpressionRenderer:
        """The renderer of expressions."""
        return self.EXPR_RENDERER


class Client:
    """What MetricFlow asks of a database when it only writes SQL: the dialect."""

    sql_engine_type = SqlEngine.POSTGRES
    sql_plan_renderer = PlanRenderer()


class Engine:
    """MetricFlow on one semantic manifest.

    Args:
        manifest: the semantic manifest as JSON.
    """

    def __init__(self, manifest: str) -> None:
        lookup = SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(manifest))
        models = lookup.semantic_manifest.semantic_models
        self._days = {model.defaults.agg_time_dimension for model in models if model.defaults}
        self._engine = MetricFlowEngine(lookup, cast(SqlClient, Client()))

    def dimensions(self, metric: str) -> list[str]:
        """Return what a metric can be grouped by, such as `country__country_name` and `metric_time`, in order.

        Args:
            metric: the name of a metric.
        """
        found = {each.dunder_name for each in self._engine.simple_dimensions_for_metrics([metric])}
        names = {name.removesuffix("__day") for name in found}
        # The day of each fact is `metric_time`.
        return sorted(name for name in names if name.split("__")[-1] not in self._days)

    def sql(self, query: Query) -> str:
        """Return the statement of a question, without its order and limit.

        Args:
            query: the question, with full names.
        """
        request = MetricFlowQueryRequest.create(
            metric_names=query.metrics,
            group_by_names=query.group_by,
            where_constraints=[template(condition) for condition in (*query.where, *_period(query))] or None,
            output_column_order_mode=OutputColumnOrderMode.INPUT_ORDER,
        )
        return self._engine.explain(request).sql_statement.sql

    def sql_of_saved(self, name: str) -> str:
        """Return the statement of a saved query.

        Args:
            name: its name.
        """
        request = MetricFlowQueryRequest.create(
            saved_query_name=name, output_column_order_mode=OutputColumnOrderMode.INPUT_ORDER
        )
        return self._engine.explain(request).sql_statement.sql


@functools.lru_cache(maxsize=2)
def engine(manifest: str) -> Engine:
    """Return the engine of a manifest, made once in a process.

    Args:
        manifest: the semantic manifest as JSON.
    """
    return Engine(manifest)


def template(condition: Condition) -> str:
    """Return a condition as MetricFlow's templates write it.

    Args:
        condition: a condition on a dimension with its full name.
    """
    *path, element = condition.dimension.split("__")
    grains = ("day", "week", "month", "quarter", "year")
    if element in grains:
        *path, name = path
        entities = [*path, name]
        call = f"TimeDimension('{'__'.join(entities[-2:])}', '{element}'{_through(entities[:-2])})"
    else:
        call = f"Dimension('{'__'.join([*path[-1:], element])}'{_through(path[:-1])})"
    values = ", ".join(literal(value) for value in condition.values)
    compared = f"({values})" if condition.operator in ("in", "not in") else values
    return f"{{{{ {call} }}}} {condition.operator} {compared}"


def _period(query: Query) -> Iterator[Condition]:
    """Return the period as conditions: MetricFlow would widen its own time constraint to whole months."""
    if query.start:
        yield Condition(f"{METRIC_TIME}__day", ">=", (query.start.isoformat(),))
    if query.end:
        yield Condition(f"{METRIC_TIME}__day", "<=", (query.end.isoformat(),))


def _through(entities: list[str]) -> str:
    return f", entity_path={entities!r}" if entities else ""
