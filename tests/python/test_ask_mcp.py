"""A language model gets figures of the release over the Model Context Protocol, and nothing else."""

import asyncio
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from harness import Database
from mcp import Client, StdioServerParameters, stdio_client

from scripts.paths import PROJECT_ROOT, socket_dir

pytestmark = pytest.mark.dbt

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("ask", {"question": "orders by year"}),
    ("ask", {"question": "revenue in 2011"}),
    ("ask", {"question": "'; drop table gold.fct_sales; --"}),
    ("query_metric", {"metrics": ["orders"], "group_by": ["year"], "order_by": ["year"]}),
    (
        "query_metric",
        {"metrics": ["orders"], "where": [{"dimension": "country", "operator": "or 1=1", "values": ["x"]}]},
    ),
    ("query_metric", {"metrics": ["orders; drop table gold.fct_sales"]}),
    ("list_metrics", {}),
    ("list_dimensions", {"metric": "orders"}),
]


async def talk(database: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Start the server as a program of its own, and return its tools and the answers to `CALLS`."""
    target = {"DBT_TARGET": "prod", "PGHOST": str(socket_dir()), "PGUSER": "retail_builder", "PGPASSWORD": "-"}
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "scripts.ask.mcp_server"],
        env=dict(os.environ) | target | {"PGPORT": "5432", "PGDATABASE": database},
        cwd=PROJECT_ROOT,
    )
    async with Client(stdio_client(parameters)) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        answers = []
        for name, arguments in CALLS:
            result = await client.call_tool(name, arguments)
            answers.append(json.loads(result.content[0].text))
        return tools, answers


def test_a_model_asks_over_stdio(built: Database) -> None:
    """What a model is told must be the figures of the release, and a hostile call must change nothing."""
    # In a thread of its own, because the browser of other tests leaves an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        tools, answers = thread.submit(asyncio.run, talk(built.name)).result()
    assert sorted(tools) == ["ask", "list_dimensions", "list_metrics", "query_metric"]
    by_year, unclear, hostile, computed, wrong_operator, wrong_metric, metrics, dimensions = answers
    assert [each["status"] for each in (by_year, unclear, hostile)] == ["answered", "asked_back", "refused"]
    assert [each["status"] for each in (computed, wrong_operator, wrong_metric)] == ["answered", "refused", "refused"]
    assert by_year["rows"] == computed["rows"] != []
    assert "orders" in [metric["name"] for metric in metrics["metrics"]]
    assert "country__country_name" in [dimension["name"] for dimension in dimensions["dimensions"]]
