"""Each macro of `offline_packages/` on the edges of what it promises: nulls, no rows, bounds, groups.

The same table of cases holds for the packages of the dbt Hub, so that the project may use
either. To see it, name the folder that holds them (dbt_utils, dbt_expectations, dbt_date):

    DBT_PACKAGES_DIR=dbt_packages python -m pytest tests/python/test_offline_packages.py
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scripts.paths import PROJECT_ROOT

OFFLINE = PROJECT_ROOT / "offline_packages"
PACKAGES = Path(os.environ.get("DBT_PACKAGES_DIR") or OFFLINE).absolute()
FROM_HUB = PACKAGES != OFFLINE

# What the tests are put on: small tables, the reason for each in its rows.
TABLES = {
    "nothing": "select 1 as n, 'x'::text as t limit 0",
    "numbers": "select * from (values (1), (5), (10), (null)) as v (n)",
    "nulls": "select * from (values (null::integer), (null)) as v (n)",
    "one_to_three": "select * from (values (3), (1), (2)) as v (n)",
    "one_two_four": "select * from (values (1), (2), (4)) as v (n)",
    "one_one_two": "select * from (values (1), (1), (2)) as v (n)",
    "pairs": """
        select *
        from (values (1, 'x'), (1, 'y'), (1, 'y'), (2, null), (2, null), (null, null), (null, null)) as v (a, b)
    """,
    "child": "select * from (values (1, 'a'), (2, 'a'), (null, 'a'), (9, 'b'), (9, 'b')) as v (k, kind)",
    "kinds": "select * from (values ('a'), ('a'), ('a'), ('b'), ('c')) as v (kind)",
    "grouped": "select * from (values ('a', 1), ('a', null), ('b', null), (null, null)) as v (g, n)",
    "sequences": "select * from (values ('a', 1), ('a', 2), ('b', 7), ('b', 9), ('c', null)) as v (g, n)",
    "days": "select * from (values (date '2024-02-28'), ('2024-02-29'), ('2024-03-01')) as v (d)",
    "month_ends": "select * from (values (date '2024-01-31'), ('2024-02-29'), ('2024-03-31')) as v (d)",
    "hours": "select * from (values (timestamp '2024-01-01 23:00'), ('2024-01-02'), ('2024-01-02 02:00')) as v (h)",
    "touching": "select * from (values (1, 1, 3), (1, 3, 5), (2, 2, 4)) as v (k, a, b)",
    "apart": "select * from (values (1, 3), (4, 5)) as v (a, b)",
    "overlapping": "select * from (values (1, 4), (3, 5)) as v (a, b)",
    "within": "select * from (values (1, 9), (2, 3), (4, 5)) as v (a, b)",
    "zero_length": "select * from (values (1, 1), (1, 2)) as v (a, b)",
    "backwards": "select 3 as a, 1 as b",
    "no_bounds": "select * from (values (1, null), (null, 5), (3, 4)) as v (a, b)",
}


def source(table: str) -> str:
    """Refer to a table of `TABLES` as an argument does."""
    return f"source('given', '{table}')"


A_TO_B = {"lower_bound_column": "a", "upper_bound_column": "b"}

# For each generic test: (table or table.column, arguments, failures).
CASES: dict[str, list[tuple[str, dict[str, Any], int]]] = {
    "dbt_utils.mutually_exclusive_ranges": [
        ("touching", {**A_TO_B, "partition_by": "k"}, 0),
        ("touching", A_TO_B, 2),
        ("touching", {**A_TO_B, "partition_by": "k", "gaps": "not_allowed"}, 0),
        ("touching", {**A_TO_B, "partition_by": "k", "gaps": "required"}, 1),
        ("touching", {**A_TO_B, "partition_by": "k, k + 1"}, 0),
        ("apart", A_TO_B, 0),
        ("apart", {**A_TO_B, "gaps": "not_allowed"}, 1),
        ("apart", {**A_TO_B, "gaps": "required"}, 0),
        ("overlapping", A_TO_B, 1),
        ("within", A_TO_B, 1),
        ("zero_length", A_TO_B, 1),
        ("zero_length", {**A_TO_B, "gaps": "not_allowed", "zero_length_range_allowed": True}, 0),
        ("backwards", {**A_TO_B, "zero_length_range_allowed": True}, 1),
        ("no_bounds", A_TO_B, 3),
        ("nothing", {"lower_bound_column": "n", "upper_bound_column": "n"}, 0),
    ],
    "dbt_utils.sequential_values": [
        ("one_to_three.n", {}, 0),
        ("one_two_four.n", {}, 1),
        ("one_one_two.n", {}, 1),
        ("one_two_four.n", {"interval": 2}, 1),
        ("nulls.n", {}, 0),
        ("nothing.n", {}, 0),
        ("sequences.n", {"group_by_columns": ["g"]}, 1),
        ("sequences.n", {}, 2),
        ("days.d", {"datepart": "day"}, 0),
        ("days.d", {"datepart": "day", "interval": 2}, 2),
        ("month_ends.d", {"datepart": "month"}, 1),
        ("hours.h", {"datepart": "hour"}, 1),
    ],
    "dbt_expectations.expect_table_row_count_to_be_between": [
        ("numbers", {"min_value": 4, "max_value": 4}, 0),
        ("numbers", {"min_value": 4, "strictly": True}, 1),
        ("nothing", {"min_value": 1}, 1),
        ("nothing", {"max_value": 0}, 0),
        ("nothing", {"min_value": 1, "group_by": ["t"]}, 0),
        ("grouped", {"min_value": 2, "group_by": ["g"]}, 2),
        ("pairs", {"max_value": 1, "group_by": ["a", "b"], "row_condition": "a is not null"}, 2),
    ],
}

# Arguments that make no sense must stop the build, not check nothing.
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("dbt_utils.mutually_exclusive_ranges", "apart", {**A_TO_B, "gaps": "sometimes"}),
    ("dbt_expectations.expect_table_row_count_to_be_between", "numbers", {}),
]

LABELLED = {
    f"{macro.split('.')[1]}__{number}_on_{on.split('.')[0]}": (macro, on, arguments, failures)
    for macro, cases in CASES.items()
    for number, (on, arguments, failures) in enumerate(cases, start=1)
}


@pytest.fixture(scope="module")
def warehouse(server: str) -> Iterator[str]:
    """Make a database that holds `TABLES` in a schema `given`; yield its conninfo."""
    name = f"offline_packages_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as session:
        session.execute(f"create database {name}")
        conninfo = make_conninfo(server, dbname=name)
        with psycopg.connect(conninfo) as own:
            own.execute("create schema given")
            for table, query in TABLES.items():
                own.execute(f"create table given.{table} as {query}".encode())
        yield conninfo
        session.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def results(warehouse: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int | str]:
    """Run dbt once over everything; return what each case counts, or the message where it is an error."""
    root = tmp_path_factory.mktemp("cases")
    tests = [(label, macro, on, arguments) for label, (macro, on, arguments, _) in LABELLED.items()]
    write_project(root, conninfo_to_dict(warehouse), tests)
    error = invoke("build", root)
    assert error is None, error
    written = json.loads((root / "target" / "run_results.json").read_text())["results"]
    return {
        entry["unique_id"].split(".")[2]: entry["message"] if entry["status"] == "error" else entry["failures"] or 0
        for entry in written
    }


def write_project(root: Path, database: dict[str, Any], tests: list[tuple[str, str, str, dict[str, Any]]]) -> None:
    """Write a dbt project that puts tests (name, macro, table or table.column, arguments) on `TABLES`."""
    tables: dict[str, Any] = {name: {"name": name, "data_tests": [], "columns": {}} for name in TABLES}
    for label, macro, on, arguments in tests:
        table, _, column = on.partition(".")
        owner = tables[table]
        if column:
            owner = owner["columns"].setdefault(column, {"name": column, "data_tests": []})
        owner["data_tests"].append({macro: {"name": label, "arguments": arguments}})
    connection = {
        "type": "postgres",
        "host": database["host"],
        "port": int(database.get("port", 5432)),
        "user": database["user"],
        "password": database.get("password", ""),
        "dbname": database["dbname"],
        "schema": "cases",
        "threads": 2,
    }
    files: dict[str, Any] = {
        "dbt_project.yml": {
            "name": "cases",
            "profile": "cases",
            "packages-install-path": str(PACKAGES),
            # As in this project, so that what a test selects must also do for a table.
            "data_tests": {"+store_failures": True},
            # What our YAML says of arguments must be what the macros take.
            "flags": {"send_anonymous_usage_stats": False, "validate_macro_args": not FROM_HUB},
        },
        "profiles.yml": {"cases": {"target": "given", "outputs": {"given": connection}}},
        "models/sources.yml": {
            "sources": [
                {
                    "name": "given",
                    "tables": [{**table, "columns": list(table["columns"].values())} for table in tables.values()],
                }
            ]
        },
    }
    (root / "models").mkdir()
    for name, content in files.items():
        (root / name).write_text(yaml.safe_dump(content))


def invoke(command: str, root: Path) -> BaseException | None:
    """Run a dbt command in this process, where any warning is an error; return what stopped it."""
    # Imported here, because it takes three seconds that other tests of this file do not need.
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # seconds, for those who need it only

    options = ["--project-dir", str(root), "--profiles-dir", str(root), "--target-path", str(root / "target")]
    options += ["--log-path", str(root / "logs"), "--target", "given"]
    options += ["--quiet", "--warn-error", "--show-all-deprecations"]
    return dbtRunner().invoke([command, *options]).exception


@pytest.mark.parametrize("label", LABELLED)
def test_case(results: dict[str, int | str], label: str) -> None:
    """A test that counts wrongly lets bad data into gold, or keeps good data out."""
    macro, on, arguments, failures = LABELLED[label]
    assert results[label] == failures, f"{macro} on {on} with {arguments}"


@pytest.mark.parametrize(("macro", "on", "arguments"), REFUSED)
def test_refused(warehouse: str, tmp_path: Path, macro: str, on: str, arguments: dict[str, Any]) -> None:
    """A test with a senseless argument would pass for ever and look like a check."""
    write_project(tmp_path, conninfo_to_dict(warehouse), [("senseless", macro, on, arguments)])
    assert "Compilation Error" in str(invoke("parse", tmp_path))


def test_every_macro_is_tried_and_listed() -> None:
    """A macro that nobody tried may mean something else than the package that it stands in for."""
    held = {f"{path.parts[-3]}.{path.stem}" for path in OFFLINE.glob("*/macros/[!_]*.sql")}
    listed = re.findall(r"^\| `(dbt_\w+\.\w+)` \|", (OFFLINE / "README.md").read_text(), re.MULTILINE)
    assert held == set(CASES)
    assert sorted(held) == sorted(listed)


def test_the_project_calls_only_what_is_there() -> None:
    """A macro that only the Hub's package has would break the build where the Hub is out of reach."""
    held = {f"{path.parts[-3]}.{path.stem}" for path in OFFLINE.glob("*/macros/[!_]*.sql")}
    folders = ("analyses", "functions", "macros", "models", "seeds", "snapshots", "tests")
    files = [
        path for folder in folders for path in (PROJECT_ROOT / folder).rglob("*") if path.suffix in (".sql", ".yml")
    ]
    called = {name for file in files for name in re.findall(r"\bdbt_(?:utils|expectations)\.\w+", file.read_text())}
    assert called == held
