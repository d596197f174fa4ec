"""Write the peer's dbt project: the models, checks and snapshots of this project, for dbt without the engine.

The project is derived in each run, so it stays in step with ours. Only these things differ:

- Materializations of the engine become `table` and `view`, which build straight into `gold`.
- Each rule and each reference becomes one data test.
- Constraints are added to the finished table by a post-hook, as the engine does. dbt would fill a table that already
  has its keys, which takes three times as long.
- Each table is analyzed after it is built, as the engine does: dbt itself does not, and the next plan may be bad.
- Indexes outside of `gold` are left out, because only incremental builds look rows up by them.
- Things that need the engine are left out: releases, the record of runs, profiles of columns, and table functions.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from scripts.paths import PROJECT_ROOT

STAND_IN = Path(__file__).with_name("pg_wap")
FOLDERS = ("macros", "models", "seeds", "snapshots", "tests/generic")
CHECKS = "tests/*/*.sql"
DECLARED_CHECKS = "tests/_singular_tests.yml"
# The wrappers of the engine with their documentation, and a check that reads the engine's profiles of columns.
LEFT_OUT = ("macros/pg_wap_hooks.sql", "macros/_macros.yml", "tests/monitoring/assert_no_column_drifts.sql")
PLAIN = {
    "incremental_by_key": "table",
    "incremental_by_partition": "table",
    "published_view": "view",
    "stable_view": "view",
}
MATERIALIZATION = re.compile(rf"\b({'|'.join(PLAIN)})\b")
INDEXES = re.compile(r"^    indexes=\[(?:.*\],|\n(?: {8}.*\n)+    \],)\n", re.MULTILINE)
ANALYZE = "{{ 'analyze ' ~ this if model.config.materialized in ['table', 'seed', 'snapshot'] else '' }}"
ROW_RULES = "pg_wap.row_rules"

Node = dict[str, Any]


def write(folder: Path, server: dict[str, str], database: str, threads: int) -> None:
    """Write the project into a folder.

    Args:
        folder: the folder, which is created.
        server: the variables of libpq that lead to the server.
        database: the database to build in.
        threads: how many nodes dbt builds at once.
    """
    for name in FOLDERS:
        shutil.copytree(PROJECT_ROOT / name, folder / name)
    checks = [path.relative_to(PROJECT_ROOT) for path in PROJECT_ROOT.glob(CHECKS)]
    for path in [*checks, Path(DECLARED_CHECKS), Path("dbt_project.yml")]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT_ROOT / path, folder / path)
    for name in LEFT_OUT:
        (folder / name).unlink()
    shutil.copytree(PROJECT_ROOT / "dbt_packages", folder / "dbt_packages", ignore=shutil.ignore_patterns("pg_wap"))
    shutil.copytree(STAND_IN, folder / "dbt_packages" / "pg_wap")
    packages = sorted(path.parent.name for path in folder.glob("dbt_packages/*/dbt_project.yml"))
    _dump(folder / "packages.yml", {"packages": [{"local": f"dbt_packages/{name}"} for name in packages]})
    _dump(folder / "profiles.yml", _profiles(server, database, threads))
    for path in (folder / "models").rglob("*.sql"):
        path.write_text(plain(path.read_text(), keeps_indexes="marts" in path.parts))
    _dump(folder / "dbt_project.yml", _settings(yaml.safe_load(plain((folder / "dbt_project.yml").read_text()))))
    for path in [*folder.glob("models/**/*.yml"), *folder.glob("seeds/**/*.yml"), *folder.glob("tests/**/*.yml")]:
        _dump(path, _properties(yaml.safe_load(path.read_text())))


def plain(text: str, *, keeps_indexes: bool = True) -> str:
    """Return the text of a model or of dbt_project.yml without the materializations of the engine."""
    text = MATERIALIZATION.sub(lambda found: PLAIN[found.group()], text)
    return text if keeps_indexes else INDEXES.sub("", text)


def tests_of(node: Node) -> list[Node]:
    """Return the data tests of a model or seed, with one test for each rule and each reference.

    Args:
        node: its entry in a properties file.
    """
    name, owners = node["name"], [node, *node.get("columns", [])]
    tests: list[Node] = []
    for test in node.get("data_tests", []):
        if ROW_RULES not in test:
            tests.append(test)
            continue
        # Its severity, and the rows that it looks at.
        config = test[ROW_RULES].get("config", {})
        for owner in owners:
            for rule, given in owner.get("config", {}).get("meta", {}).get("rules", {}).items():
                own = config | {key: given[key] for key in ("severity",) if key in given}
                tests.append(_test("pg_wap.rule", f"{name}_{rule}", own, expression=given["expression"]))
        for column, constraint in _column_constraints(node):
            if constraint["type"] == "foreign_key":
                (field,) = constraint["to_columns"]
                target = {"column_name": column, "to": constraint["to"], "field": field}
                tests.append(_test("relationships", constraint["name"], config, **target))
    return tests


def constraints_of(node: Node) -> list[str]:
    """Return the constraints of a model, as clauses of `alter table`.

    Args:
        node: its entry in a properties file.
    """
    clauses = []
    for column, constraint in _column_constraints(node):
        kind = constraint["type"]
        if kind == "not_null":
            clauses.append(f"alter column {column} set not null")
        elif kind != "foreign_key":
            clauses.append(_clause(constraint, [column]))
    # A custom constraint tells the planner about partitions.
    given = [constraint for constraint in node.get("constraints", []) if constraint["type"] != "custom"]
    return clauses + [_clause(constraint, constraint.get("columns", [])) for constraint in given]


def _clause(constraint: Node, columns: Sequence[str]) -> str:
    kind, expression = constraint["type"].replace("_", " "), constraint.get("expression")
    if kind == "check":
        return f"add check ({expression})"
    return " ".join(["add", kind, *([expression] if expression else []), f"({', '.join(columns)})"])


def _column_constraints(node: Node) -> Iterator[tuple[str, Node]]:
    for column in node.get("columns", []):
        for constraint in column.get("constraints", []):
            yield column["name"], constraint


def _test(kind: str, name: str, config: Node, **arguments: str) -> Node:
    return {kind: {"name": name, "arguments": arguments, "config": config}}


def _properties(properties: Node) -> Node:
    """Return the properties of models and seeds for plain dbt. Unit tests go, because no build runs them."""
    properties.pop("unit_tests", None)
    left_out = {Path(path).stem for path in LEFT_OUT}
    properties["data_tests"] = [test for test in properties.get("data_tests", []) if test["name"] not in left_out]
    for kind in ("models", "seeds"):
        for node in properties.get(kind, []):
            node["data_tests"] = tests_of(node)
            if clauses := constraints_of(node):
                _strengthen(node, clauses, is_seed=kind == "seeds")
            for owner in [node, *node.get("columns", [])]:
                owner.pop("constraints", None)
    return properties


def _strengthen(node: Node, clauses: Sequence[str], *, is_seed: bool) -> None:
    """Add the constraints of a table. dbt fills the table of a seed anew in each build, so there they become tests."""
    if not is_seed:
        node.setdefault("config", {})["post_hook"] = f"alter table {{{{ this }}}} {', '.join(clauses)}"
        return
    for column in node.get("columns", []):
        kinds = {constraint["type"] for constraint in column.get("constraints", [])}
        wanted = {"unique": {"unique", "primary_key"}, "not_null": {"not_null", "primary_key"}}
        column["data_tests"] = column.get("data_tests", []) + [test for test, of in wanted.items() if of & kinds]


def _settings(project: Node) -> Node:
    for name in ("on-run-end", "function-paths", "functions", "analysis-paths"):
        del project[name]
    project["on-run-start"] = ["{{ prepare_warehouse() }}"]
    del project["models"]["pg_wap"]
    for kind in ("models", "seeds", "snapshots"):
        project[kind][project["name"]]["+post-hook"] = ANALYZE
    return project


def _profiles(server: dict[str, str], database: str, threads: int) -> Node:
    output = {
        "type": "postgres",
        "host": server["PGHOST"],
        "port": int(server["PGPORT"]),
        "user": server["PGUSER"],
        "password": server["PGPASSWORD"],
        "dbname": database,
        "schema": "retail",
        "search_path": "pg_catalog, pg_temp",
        "threads": threads,
    }
    return {"retail_warehouse": {"target": "local", "outputs": {"local": output}}}


def _dump(path: Path, content: Node) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False, width=1_000, allow_unicode=True))
