"""Odd files land, are refused, or have rows in quarantine, each as the tables in tests/corpus say."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import corpus
import psycopg
import pytest
from conftest import Database
from corpus import Case
from dbt_project import Dbt

from scripts.land import FileResult, land

MODULES = [importlib.import_module(f"corpus.{module.name}") for module in pkgutil.iter_modules(corpus.__path__)]
CASES: list[Case] = [case for module in MODULES for case in module.CASES]
STAGING = ("stg_retail__landed_files", "stg_retail__transactions", "stg_retail__products")

# The text of a number without trailing zeros, and of a timestamp without a fraction of zero.
ROWS = """
    select
        f.file_name,
        t.file_line,
        case when t.is_usable then concat_ws(
            '|', t.invoice_number, t.stock_code, coalesce(t.description, ''), t.quantity, t.invoiced_at,
            trim_scale(t.unit_price), coalesce(t.customer_id::text, ''), coalesce(t.country_text, '')
        ) else '? ' || t.quarantine_reasons end
    from silver.stg_retail__transactions as t
    inner join silver.stg_retail__landed_files as f using (file_id)
    union all
    select
        f.file_name,
        t.file_line,
        case when t.is_usable then concat_ws(
            '|', t.stock_code, coalesce(t.category_list, ''), trim_scale(t.unit_cost),
            coalesce(trim_scale(t.list_price)::text, ''), t.effective_on
        ) else '? ' || t.quarantine_reasons end
    from silver.stg_retail__products as t
    inner join silver.stg_retail__landed_files as f using (file_id)
    order by 1, 2
"""


class Found(NamedTuple):
    """What became of the files."""

    results: dict[str, FileResult]
    rows: dict[str, list[str]]


@pytest.fixture(scope="module")
def found(
    work_on: Callable[..., AbstractContextManager[Database]], dbt: Dbt, tmp_path_factory: pytest.TempPathFactory
) -> Found:
    """Land all files in one run, and build staging once."""
    folder = tmp_path_factory.mktemp("corpus")
    for case in CASES:
        case.write(folder)
    with work_on() as database:
        report = land([folder], database.url)
        outcomes = dbt("run", "--select", *STAGING)
        assert {outcome.status for outcome in outcomes.values()} == {"success"}, outcomes
        rows: dict[str, list[str]] = {}
        with psycopg.connect(database.url) as session:
            for name, _, row in session.execute(ROWS):
                rows.setdefault(name, []).append(row)
    return Found({result.name: result for result in report.files}, rows)


def test_each_case_has_a_name_of_its_own() -> None:
    """A second file of a name would overwrite the first, and its case would prove nothing."""
    assert [name for name, times in Counter(case.name for case in CASES).items() if times > 1] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_becomes_of_the_file(found: Found, case: Case) -> None:
    """A person who delivers an odd file must get its rows, or one line that says what is wrong."""
    result = found.results[case.name]
    assert (result.outcome, result.detail) == (case.verdict, result.detail), case.why
    assert case.says in result.detail, case.why
    assert "\n" not in result.detail
    assert found.rows.get(case.name, []) == list(case.rows), case.why
