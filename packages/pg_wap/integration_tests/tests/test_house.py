"""The package as a whole: which part may call which, what is public, and that it knows nothing of its users."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .project import PACKAGE, ROOT

MACROS = PACKAGE / "macros"
README = PACKAGE / "README.md"
REPOSITORY = PACKAGE.parent.parent

# Each folder of macros, and the folders below it that it may call.
MAY_CALL = {
    "hooks": {"publish", "checks", "dictionary", "runs", "profiles", "ddl", "state"},
    "bi": {"dictionary", "locks", "state"},
    "dictionary": {"checks", "state"},
    "profiles": {"state"},
    "strategies": {"publish", "locks", "ddl", "state"},
    "publish": {"locks", "ddl", "state"},
    "generic_tests": {"checks", "ddl", "state"},
    "checks": {"ddl", "state"},
    "runs": {"ddl", "state"},
    "api": {"state"},
    "locks": {"state"},
    "ddl": set(),
    "state": {"changes"},
    "changes": set(),
}

# Types that dbt 1.11 and 1.12 accept for the argument of a macro.
TYPE = re.compile(
    r"(string|str|bool|integer|int|float|any|relation|column"
    r"|list\[(string|integer|any)\]|dict\[string, any\]|optional\[(string|integer|bool|list\[string\])\])"
)


def folder_of(path: Path) -> str:
    """Return the folder of a file of macros; `api.sql` counts as one."""
    return path.relative_to(MACROS).parts[0].removesuffix(".sql")


def defined() -> dict[str, Path]:
    """Return the file of each macro."""
    pattern = re.compile(r"\{%-?\s*(?:macro|materialization)\s+(\w+)")
    return {name: path for path in sorted(MACROS.rglob("*.sql")) for name in pattern.findall(path.read_text())}


def public() -> dict[str, dict[str, Any]]:
    """Return the macros that the YAML files describe."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(MACROS.glob("*.yml"))]
    return {macro["name"]: macro for content in files for macro in content["macros"]}


def test_macros_call_only_downwards() -> None:
    """A reader who knows where a macro stands knows what it can reach; a circle would have no bottom."""
    files = defined()
    # a generic test is no macro that others call
    assert {folder_of(path) for path in files.values()} | {"generic_tests"} == MAY_CALL.keys()
    upwards = set()
    for path in sorted(MACROS.rglob("*.sql")):
        for name in re.findall(r"\bpg_wap\.(\w+)\(", path.read_text()):
            caller, called = folder_of(path), folder_of(files[name])
            if called != caller and called not in MAY_CALL[caller]:
                upwards.add(f"{path.relative_to(PACKAGE)} calls {name} of {called}")
    assert upwards == set()
    ordered: list[str] = []
    while len(ordered) < len(MAY_CALL):
        ordered += [name for name in MAY_CALL if name not in ordered and MAY_CALL[name] <= set(ordered)] or pytest.fail(
            "the folders call each other in a circle"
        )


def test_macros_are_called_with_the_name_of_the_package() -> None:
    """A bare name is looked up in the root project first, where another macro may have it."""
    files = defined()
    own = [name for name in files if not name.startswith(("postgres__", "default__"))]
    bare = re.compile(rf"(?<![\w.\"'])({'|'.join(own)})\(")
    found = set()
    for path in [*sorted(MACROS.rglob("*.sql")), *sorted((PACKAGE / "models").rglob("*.sql"))]:
        code = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
        code = re.sub(r"\{%-?\s*(?:macro|materialization)[^%]*%\}", "", code)
        found |= {(str(path.relative_to(PACKAGE)), name) for name in bare.findall(code)}
    assert found == set()


def test_each_macro_is_used() -> None:
    """What neither the package calls nor a user may call is dead."""
    text = "".join(path.read_text() for path in PACKAGE.glob("[mt]*/**/*.sql"))
    called = set(re.findall(r"\bpg_wap\.(\w+)\(", text))
    # dbt calls these by their names
    dispatched = {name for name in defined() if name.startswith(("postgres__", "default__"))}
    materializations = {"incremental_by_key", "incremental_by_partition", "published_view", "stable_view"}
    assert defined().keys() - called - dispatched - materializations - public().keys() == set()


def test_public_macros_are_described() -> None:
    """Users find in dbt's documentation what they may call, and with what."""
    files = defined()
    for name, macro in public().items():
        assert name in files, name
        assert macro["description"].strip().endswith("."), name
        signature = re.search(rf"macro {name}\((.*?)\)\s*-?%}}", files[name].read_text())
        arguments = re.findall(r"(\w+)(?:=[^,]+)?(?:, |$)", signature.group(1) if signature else "")
        described = [argument["name"] for argument in macro.get("arguments", [])]
        assert described == arguments, name
        for argument in macro.get("arguments", []):
            assert TYPE.fullmatch(argument["type"]), (name, argument)
            assert argument["description"].strip().endswith("."), (name, argument)


def test_the_readme_names_all_that_is_public() -> None:
    """A macro or configuration that no page names does not exist for users."""
    text = README.read_text() + "".join(page.read_text() for page in (PACKAGE / "docs").glob("*.md"))
    macros = {name for name in public() if name not in text}
    code = "".join(path.read_text() for path in MACROS.rglob("*.sql"))
    configs = {"unique_key", "touched_by", "logged_columns", "check_column", "partition_by", "indexes"}
    assert all(re.search(rf"config\.(get\(\"{name}\"|{name})", code) for name in configs)
    settings = re.findall(r"\"(\w+)\": [^\n]+,\n", (MACROS / "state" / "settings.sql").read_text())
    missing = {name for name in configs if name not in text} | {s for s in settings if f"pg_wap_{s}" not in text}
    assert (macros, missing) == (set(), set())


def test_the_store_has_the_hooks_of_the_readme() -> None:
    """The text that users copy is the text that these tests run."""
    code = re.sub(r"\{#-.*?-#\}\n+", "", (ROOT / "macros" / "pg_wap_hooks.sql").read_text(), flags=re.DOTALL)
    assert code.strip() in README.read_text()


# Words of a project that uses the package; their own language must not creep in.
FOREIGN = [
    *("retail", "gold", "silver", "bronze", "quarantine", "invoice", "cancellation", "stock", "product", "customer"),
    *("sales", "revenue", "rfm", "basket", "fct_", "dim_", "stg_", "snp_", "publication", "served", "gate"),
]
# Words of an example, of SQL and of dbt.
ALLOWED = {"customer", "customers", "customer_id", "agate_table", "aggregate"}


def test_the_package_knows_nothing_of_its_users() -> None:
    """Another warehouse has other schemas, tables and words. Old names stand only where their rows migrate."""
    found = []
    for folder in ("macros", "models", "tests"):
        for path in sorted((PACKAGE / folder).rglob("*")):
            if path.suffix not in (".sql", ".yml", ".md"):
                continue
            text = path.read_text()
            # the macros that migrate tables and views of before version 1.0
            text = re.sub(
                r"\{% macro (migrate|drop_old_views|drop_old_views_sql)\(\).*?\{%- endmacro %\}",
                "",
                text,
                flags=re.DOTALL,
            )
            for number, line in enumerate(text.splitlines(), start=1):
                words = set(re.findall(r"[a-z_]+", line.lower()))
                hits = {word for word in words if any(part in word for part in FOREIGN)} - ALLOWED
                found += [f"{path.relative_to(PACKAGE)}:{number} {word}" for word in sorted(hits)]
    assert found == []


def test_the_package_names_no_model_of_this_repository() -> None:
    """A name of a model or column of the first user in the package would be a hidden dependency on it."""
    names: set[str] = set()
    for path in sorted((REPOSITORY / "models").rglob("*.yml")):
        for model in (yaml.safe_load(path.read_text()) or {}).get("models", []):
            names.add(model["name"])
            names.update(column["name"] for column in model.get("columns", []) if "_" in column["name"])
    if not names:
        pytest.skip("the package is not in the repository of its first user")
    # words of the package itself, which the first user's models on its tables also have
    own = set(re.findall(r"[a-z_]+", "".join(path.read_text() for path in (PACKAGE / "models").rglob("*.yml"))))
    own |= {"customer_id", "is_current"}
    code = "".join(path.read_text() for folder in ("macros", "tests") for path in (PACKAGE / folder).rglob("*.sql"))
    assert names & set(re.findall(r"[a-z_0-9]+", code)) - own == set()
