"""The page of a release shows what gold holds, in a real browser, and neither loads nor sends anything."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from browser import Visit
from harness import Database

from scripts.site.page import VENDOR


def test_libraries_are_those_of_their_packages() -> None:
    """A changed library would run in the browser of every reader, and no reader would notice."""
    libraries = json.loads((VENDOR / "libraries.json").read_text())
    found = {
        library["file"]: hashlib.sha256((VENDOR / library["file"]).read_bytes()).hexdigest() for library in libraries
    }
    assert found == {library["file"]: library["sha256"] for library in libraries}
    assert {path.name for path in VENDOR.glob("*.js")} == set(found)
    assert all((VENDOR / library["licence_file"]).stat().st_size > 500 for library in libraries)


@pytest.mark.dbt
def test_page_loads_and_sends_nothing(site_file: Path, visit: Callable[..., Visit]) -> None:
    """The page is opened from mails and shares, where a request would tell others who reads which figures."""
    seen = visit().show(site_file)
    assert (seen.requests, seen.problems) == ([], [])


@pytest.mark.dbt
def test_net_amount_is_that_of_gold(built: Database, site_file: Path, visit: Callable[..., Visit]) -> None:
    """A reader who finds one wrong figure trusts none."""
    with psycopg.connect(built.url) as session:
        (net,) = session.execute("select sum(net_amount) from gold.fct_sales").fetchone()
    seen = visit().show(site_file)
    assert seen.page.inner_text("[data-name=net] .value") == f"£{net:,.0f}"
