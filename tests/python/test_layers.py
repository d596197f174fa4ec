"""No package of scripts/ imports upwards. This file lists the layers, and each new module needs a place in them."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from scripts.paths import PROJECT_ROOT

# Each package with its layers, the lowest first. A module imports lower layers only, never its own layer.
LAYERS = {
    "scripts": [
        {"__init__", "environment", "errors", "install", "page", "paths"},
        {"connection", "locks", "privacy"},
        {"artifacts", "dbt_tuning", "generate", "revisions"},
        {"advise", "lineage", "metrics", "packages", "release", "warehouse"},
        {"ask", "backup", "check_catalogue", "docs", "land", "owners"},
        {"governance"},
        {"playground"},
        {"build", "health", "lint", "migrate", "pool", "review", "scaffold", "shop", "site", "stream"},
        {"demo", "forget", "live"},
        {"bench", "pictures"},
    ],
    "scripts.advise": [
        {"__init__", "advice", "asked", "text"},
        {"plans", "reach"},
        {"samples"},
        {"running"},
        {"trial"},
        {"stored"},
        {"adviser"},
        {"__main__"},
    ],
    "scripts.ask": [
        {"__init__", "calendar", "nearest", "outcome"},
        {"text"},
        {"terms"},
        {"periods", "vocabulary"},
        {"answer", "parser"},
        {"reading", "show"},
        {"session"},
        {"mcp_server"},
        {"__main__"},
    ],
    "scripts.backup": [
        {"__init__", "copying", "erased", "stock"},
        {"restore", "standby", "take"},
        {"__main__"},
    ],
    "scripts.build": [
        {"__init__", "clock", "log", "promises"},
        {"report"},
        {"dbt"},
        {"run"},
        {"__main__"},
    ],
    "scripts.forget": [
        {"__init__", "landed", "storage", "traces"},
        {"__main__"},
    ],
    "scripts.governance": [
        {"__init__", "events", "pii"},
        {"retention", "roles"},
        {"people"},
        {"__main__"},
    ],
    "scripts.governance.events": [
        {"__init__", "chain", "evidence", "recording"},
        {"__main__"},
    ],
    "scripts.governance.people": [
        {"__init__", "held"},
        {"archived"},
        {"__main__"},
    ],
    "scripts.governance.retention": [
        {"__init__", "content"},
        {"due", "store"},
        {"records"},
        {"archive", "restore"},
        {"erase"},
        {"__main__"},
    ],
    "scripts.governance.roles": [
        {"__init__", "declaration"},
        {"apply", "users"},
        {"__main__"},
    ],
    "scripts.health": [
        {"__init__", "measures"},
        {"__main__"},
    ],
    "scripts.lint": [
        {"__init__", "changes", "part"},
        {"dbt_parts", "reading"},
        {"__main__"},
    ],
    "scripts.live": [
        {"__init__", "resident"},
        {"__main__"},
    ],
    "scripts.metrics": [
        {"__init__", "manifest", "query"},
        {"engine"},
        {"catalogue"},
        {"compiler"},
        {"answers"},
        {"exports", "show"},
        {"__main__"},
    ],
    "scripts.playground": [
        {"__init__", "schemas"},
        {"branches"},
        {"building"},
        {"__main__"},
    ],
    "scripts.pool": [
        {"__init__"},
        {"__main__"},
    ],
    "scripts.review": [
        {"__init__", "canonical", "code", "dbt", "metrics", "page"},
        {"nodes", "release"},
        {"checks", "cost", "rows", "steps"},
        {"building"},
        {"risk"},
        {"report"},
        {"approval", "text"},
        {"running"},
        {"__main__"},
    ],
    "scripts.scaffold": [
        {"__init__", "catalogue", "columns"},
        {"render", "taken_over"},
        {"mart", "source"},
        {"__main__"},
    ],
    "scripts.shop": [
        {"__init__", "database", "trade"},
        {"serving"},
        {"__main__"},
    ],
    "scripts.stream": [
        {"__init__", "cdc"},
        {"__main__"},
    ],
    "scripts.stream.cdc": [
        {"__init__", "lsn"},
        {"lag", "options", "pgoutput"},
        {"replication", "rows"},
        {"bronze", "source"},
        {"copying"},
        {"starting"},
        {"following"},
        {"capture"},
    ],
    "scripts.lineage": [
        {"edges"},
        {"facet", "report", "rows", "table"},
        {"conditions"},
        {"walk"},
        {"project"},
        {"__init__"},
        {"__main__"},
    ],
    "scripts.land": [
        {"files", "progress", "rows"},
        {"contract", "results"},
        {"header"},
        {"bronze", "readers"},
        {"reading"},
        {"lander"},
        {"courier", "replay"},
        {"bar", "loading", "watch"},
        {"__init__"},
        {"__main__"},
    ],
}
# The rest of scripts/land that each room may import.
ROOMS = {
    "files": set(),
    "readers": {"files", "rows"},
    "bronze": {"contract", "header", "rows"},
}
# Libraries that a room must not import: files and readers use no database, bronze uses no format.
DATABASES = {"psycopg", "psycopg2"}
FORMATS = {"csv", "fastexcel", "gzip", "numpy", "polars", "zipfile", "zstandard"}
FOREIGN = {"files": DATABASES | {"polars", "fastexcel"}, "readers": DATABASES, "bronze": FORMATS}
# Importing dbt takes two seconds, so no command imports it before it needs dbt.
DBT = {"dbt", "dbt_common"}
MAY_IMPORT_DBT = ("scripts.build.dbt", "scripts.dbt_tuning")

Sources = dict[str, str]


@pytest.fixture(scope="module")
def sources() -> Sources:
    """Return the source of each module of scripts/ by its name; `__init__` is part of the name of a package."""
    return {
        ".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts): path.read_text()
        for path in sorted(Path(PROJECT_ROOT, "scripts").rglob("*.py"))
    }


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def nodes(tree: ast.AST, *, at_start: bool) -> Iterator[ast.AST]:
    """Return all nodes of a module, or only those that run when it is imported."""
    for child in ast.iter_child_nodes(tree):
        is_late = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        if not (at_start and (is_late or is_for_types)):
            yield child
            yield from nodes(child, at_start=at_start)


def imports(sources: Sources, module: str, *, at_start: bool = False) -> set[str]:
    """Return the modules that a module imports; unless `at_start`, also in functions and for types."""
    found: set[str] = set()
    for node in nodes(ast.parse(sources[module]), at_start=at_start):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{module} has a relative import"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            known = {name for name in submodules if name in sources or f"{name}.__init__" in sources}
            found |= known | ({node.module} if len(known) < len(submodules) else set())
    return {f"{name}.__init__" if f"{name}.__init__" in sources else name for name in found}


def place(module: str, package: str) -> str:
    """Return the part of a module's name that the layers of a package list."""
    return module.removeprefix(f"{package}.").split(".")[0]


def upward_imports(sources: Sources, package: str) -> list[str]:
    """Return the imports within a package that do not lead to a lower layer."""
    level = {name: number for number, names in enumerate(LAYERS[package]) for name in names}
    return [
        f"{module} imports {imported}"
        for module in sources
        if is_within(module, package)
        for imported in sorted(imports(sources, module))
        if is_within(imported, package)
        and place(imported, package) != place(module, package)
        and level[place(imported, package)] >= level[place(module, package)]
    ]


def strangers_in_rooms(sources: Sources) -> list[str]:
    """Return the imports that a room of scripts/land may not have."""
    land = "scripts.land"
    return [
        f"{module} imports {imported}"
        for room, known in ROOMS.items()
        for module in sources
        if is_within(module, f"{land}.{room}")
        for imported in sorted(imports(sources, module))
        if (is_within(imported, land) and place(imported, land) not in known | {room})
        or imported.split(".")[0] in FOREIGN[room]
    ]


def slow_imports(sources: Sources) -> list[str]:
    """Return the modules that load dbt on import although they may not."""
    slow = {
        module
        for module in sources
        if any(name.split(".")[0] in DBT for name in imports(sources, module, at_start=True))
    }
    while more := {name for name in sources if imports(sources, name, at_start=True) & slow} - slow:
        slow |= more
    return sorted(module for module in slow if not any(is_within(module, allowed) for allowed in MAY_IMPORT_DBT))


def cycle(sources: Sources) -> list[str]:
    """Return the modules of an import cycle, or an empty list if there is no cycle."""
    try:
        TopologicalSorter({module: imports(sources, module) & sources.keys() for module in sources}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("package", LAYERS)
def test_every_module_has_a_place(sources: Sources, package: str) -> None:
    """A module without a place could import anything."""
    stated = [name for names in LAYERS[package] for name in names]
    assert sorted(stated) == sorted({place(module, package) for module in sources if is_within(module, package)})


@pytest.mark.parametrize("package", LAYERS)
def test_no_package_imports_upwards(sources: Sources, package: str) -> None:
    """A developer who changes a module must know that the change can break only the modules above it."""
    assert upward_imports(sources, package) == []


def test_rooms_of_land_know_what_they_must(sources: Sources) -> None:
    """A new format or ledger must change only one room: files use no table, readers no database, bronze no format."""
    assert strangers_in_rooms(sources) == []


def test_no_command_waits_for_dbt_without_need(sources: Sources) -> None:
    """A build lands files while dbt loads, and `--help` answers at once."""
    assert slow_imports(sources) == []


def test_there_is_no_import_cycle(sources: Sources) -> None:
    """In a cycle, whether an import succeeds depends on which module comes first."""
    assert cycle(sources) == []


@pytest.mark.parametrize(
    ("module", "line", "package"),
    [
        ("scripts.connection", "from scripts import land", "scripts"),
        ("scripts.land.loading", "from scripts.build.clock import Clock", "scripts"),
        ("scripts.dbt_tuning.templates", "def late():\n    from scripts.build import dbt", "scripts"),
        ("scripts.land.rows", "from scripts.land.readers import csv", "scripts.land"),
        ("scripts.land.lander", "from scripts.land import FileResult", "scripts.land"),
        ("scripts.land.readers.open", "import scripts.land.bronze.ledger", "scripts.land"),
        ("scripts.build.report", "from scripts.build.dbt import Project", "scripts.build"),
    ],
)
def test_an_upward_import_is_found(sources: Sources, module: str, line: str, package: str) -> None:
    """A test that finds no upward import may also be a test that inspects nothing."""
    (found,) = upward_imports(sources | {module: f"{sources[module]}\n{line}\n"}, package)
    assert found.startswith(f"{module} imports ")


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("scripts.land.files.discovery", "from scripts.land.contract import Contract"),
        ("scripts.land.readers.jsonl", "import psycopg"),
        ("scripts.land.bronze.copy", "from scripts.land.files import unpack"),
        ("scripts.land.bronze.ledger", "def late():\n    import polars"),
    ],
)
def test_a_stranger_in_a_room_is_found(sources: Sources, module: str, line: str) -> None:
    """A test that finds no stranger may also be a test that inspects nothing."""
    (found,) = strangers_in_rooms(sources | {module: f"{sources[module]}\n{line}\n"})
    assert found.startswith(f"{module} imports ")


@pytest.mark.parametrize("line", ["from dbt.cli.main import dbtRunner", "from scripts.dbt_tuning import events"])
def test_a_slow_import_is_found(sources: Sources, line: str) -> None:
    """A test that finds no slow import may miss dbt behind another module, or inspect nothing."""
    module = "scripts.warehouse.server"
    found = slow_imports(sources | {module: f"{sources[module]}\n{line}\n"})
    assert module in found
    assert "scripts.build.run" in found


def test_a_build_needs_no_orchestrator(sources: Sources) -> None:
    """`make build` installs no Dagster, and another orchestrator may take its place."""
    found = {module: imports(sources, module) for module in sources}
    assert not [
        (module, name)
        for module, names in found.items()
        for name in names
        if is_within(name, "dagster") or is_within(name, "orchestration")
    ]


def test_a_cycle_is_found(sources: Sources) -> None:
    """A test that finds no cycle may also be a test that inspects nothing."""
    module = "scripts.land.bronze.ledger"
    found = cycle(sources | {module: f"{sources[module]}\ndef late():\n    from scripts.land.bronze import schema\n"})
    assert module in found
