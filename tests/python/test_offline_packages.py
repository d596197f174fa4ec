"""Edge cases of each macro in `offline_packages/`: nulls, empty tables, bounds, groups.

The cases also hold for the packages of the dbt Hub: set `DBT_PACKAGES_DIR` to a folder with these packages.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from packaging.specifiers import SpecifierSet
from psycopg.conninfo import conninfo_to_dict

from scripts.paths import PROJECT_ROOT

OFFLINE = PROJECT_ROOT / "offline_packages"
PACKAGES = Path(os.environ.get("DBT_PACKAGES_DIR") or OFFLINE).absolute()

TABLES = {
    "nothing": "select 1 as n, 'x'::text as t limit 0",
    "nulls": "select * from (values (null::integer), (null)) as v (n)",
    "numbers": "select * from (values (1), (5), (10), (null)) as v (n)",
    "one_to_three": "select * from (values (3), (1), (2)) as v (n)",
    "one_two_four": "select * from (values (1), (2), (4)) as v (n)",
    "one_one_two": "select * from (values (1), (1), (2)) as v (n)",
    "pairs": "select * from (values (1, 'x'), (1, 'y'), (1, 'y'), (2, null), (2, null), (null, null)) as v (a, b)",
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
A_TO_B = {"lower_bound_column": "a", "upper_bound_column": "b"}

# For each generic test: table or table.column, arguments, failures.
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
        ("numbers", {"min_value": 5}, 1),
        ("numbers", {"max_value": 3}, 1),
        ("numbers", {"min_value": 4, "strictly": True}, 1),
        ("numbers", {"max_value": 4, "strictly": True}, 1),
        ("nothing", {"min_value": 1}, 1),
        ("nothing", {"max_value": 0}, 0),
        ("nothing", {"min_value": 1, "group_by": ["t"]}, 0),
        ("grouped", {"min_value": 2, "group_by": ["g"]}, 2),
        ("pairs", {"max_value": 1, "group_by": ["a", "b"], "row_condition": "a is not null"}, 2),
    ],
}
# Invalid arguments must stop the build, because a test without a bound would always pass.
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("dbt_utils.mutually_exclusive_ranges", "apart", {**A_TO_B, "gaps": "sometimes"}),
    ("dbt_expectations.expect_table_row_count_to_be_between", "numbers", {}),
]

pytestmark = pytest.mark.dbt


def invoke(
    command: str, root: Path, url: str, tests: dict[str, tuple[str, str, dict[str, Any]]]
) -> BaseException | None:
    """Run a dbt command over tests on `TABLES`, with warnings as errors; return the exception that stopped it."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # takes three seconds, which most tests do not need

    place = conninfo_to_dict(url)
    login = {"type": "postgres", "schema": "cases", "threads": 2, "password": "", **place, "port": int(place["port"])}
    # This project stores failures, so the columns of a test must be valid columns of a table.
    flags = {"send_anonymous_usage_stats": False}
    project = {"name": "cases", "profile": "cases", "data_tests": {"+store_failures": True}, "flags": flags}
    project["packages-install-path"] = str(PACKAGES)
    (root / "dbt_project.yml").write_text(yaml.safe_dump(project))
    installed = [{"local": str(path.parent)} for path in PACKAGES.glob("*/dbt_project.yml")]
    (root / "packages.yml").write_text(yaml.safe_dump({"packages": installed}))
    (root / "profiles.yml").write_text(yaml.safe_dump({"cases": {"target": "t", "outputs": {"t": login}}}))
    (root / "tests").mkdir()
    for label, (macro, on, arguments) in tests.items():
        table, _, column = on.partition(".")
        given = {"model": f"given.{table}", **({"column_name": column} if column else {}), **arguments}
        (root / "tests" / f"{label}.sql").write_text(f"{{{{ {macro.replace('.', '.test_')}(**{given}) }}}}")
    options = [f"--project-dir={root}", f"--profiles-dir={root}", f"--target-path={root / 'target'}", "--target=t"]
    return dbtRunner().invoke([command, *options, "--quiet", "--warn-error", "--show-all-deprecations"]).exception


def test_cases(database, tmp_path: Path) -> None:
    """A macro that counts wrongly would let bad data into gold, or keep good data out."""
    with psycopg.connect(database.url) as session:
        session.execute("create schema given")
        for table, query in TABLES.items():
            session.execute(f"create table given.{table} as {query}".encode())
    cases = [(macro, *case) for macro, cases in CASES.items() for case in cases]
    labels = [f"{macro.split('.')[1]}_{number}" for number, (macro, *_) in enumerate(cases)]
    tests = {label: case[:3] for label, case in zip(labels, cases, strict=True)}
    assert invoke("build", tmp_path, database.url, tests) is None
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    counted = {result["unique_id"].split(".")[2]: result["failures"] for result in results}
    assert counted == {label: failures for label, (*_, failures) in zip(labels, cases, strict=True)}


@pytest.mark.parametrize("test", REFUSED)
def test_refused(database, tmp_path: Path, test: tuple[str, str, dict[str, Any]]) -> None:
    assert "Compilation Error" in str(invoke("parse", tmp_path, database.url, {"senseless": test}))


def test_offline_packages_are_what_the_project_needs() -> None:
    """A macro that only the Hub's package has, or a package of another version, would break builds without the Hub."""
    held = {f"{path.parts[-3]}.{path.stem}" for path in OFFLINE.glob("*/macros/*.sql")}
    folders = ("analyses", "functions", "macros", "models", "seeds", "snapshots", "tests")
    files = [path for name in folders for kind in ("sql", "yml") for path in (PROJECT_ROOT / name).rglob(f"*.{kind}")]
    called = {name for file in files for name in re.findall(r"\bdbt_(?:utils|expectations)\.\w+", file.read_text())}
    listed = re.findall(r"^\| `(dbt_\w+\.\w+)` \|", (OFFLINE / "README.md").read_text(), re.MULTILINE)
    assert called == held == set(CASES) == set(listed)
    for entry in yaml.safe_load((PROJECT_ROOT / "packages.yml").read_text())["packages"]:
        if name := entry.get("package", "").rpartition("/")[-1]:
            project = yaml.safe_load((OFFLINE / name / "dbt_project.yml").read_text())
            assert project["name"] == name
            assert SpecifierSet(",".join(entry["version"])).contains(project["version"])
