"""The rules of the house: what is promised to whoever reads, changes or runs this project, beyond its results."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from dbt_project import Dbt, copy_of_project
from harness import Database
from packaging.requirements import Requirement

from scripts.owners import CODEOWNERS, codeowners
from scripts.paths import PROJECT_ROOT

tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

BIN = Path(sys.executable).parent
PACKAGE = "retail_warehouse"
TABLES = ("model", "seed", "snapshot")


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project as a person would, and return what it said."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=PROJECT_ROOT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def run_dbt(command: str, folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run dbt with folders of its own: what an earlier parse remembers lacks the descriptions of singular tests."""
    folders = ["--project-dir", PROJECT_ROOT, "--profiles-dir", PROJECT_ROOT]
    folders += ["--target-path", folder, "--log-path", folder]
    return run(BIN / "dbt", "--quiet", *command.split(), *folders, *options, **variables)


def read(path: str) -> str:
    return (PROJECT_ROOT / path).read_text()


def tracked(*patterns: str) -> list[str]:
    return subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")[:-1]


# What dbt knows of the project


@pytest.fixture(scope="module")
def parsing(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("parsed")
    return run_dbt("parse", folder, "--warn-error", "--show-all-deprecations"), folder


@pytest.fixture(scope="module")
def manifest(parsing) -> dict[str, Any]:
    return json.loads((parsing[1] / "manifest.json").read_text())


def ours(resources: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (resource for resource in resources.values() if resource["package_name"] == PACKAGE)


def nodes(manifest: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    return [node for node in ours(manifest["nodes"]) if node["resource_type"] in kinds]


def tables(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that has columns: what dbt makes and what it reads."""
    return [*nodes(manifest, *TABLES), *ours(manifest["sources"])]


def test_parsing_has_nothing_to_say(parsing) -> None:
    """A deprecation is tomorrow's error, and a warning that is always there hides the one that matters."""
    done, _ = parsing
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("kind", ["nodes", "sources", "exposures", "macros", "functions", "unit_tests"])
def test_everything_is_described(manifest, kind: str) -> None:
    """What nobody has described is understood by one person, for a while."""
    found = list(ours(manifest[kind]))
    undescribed = [
        resource["name"]
        for resource in found
        if resource["resource_type"] != "operation" and not resource["description"].strip()
    ]
    assert found
    assert not undescribed


def test_every_source_is_described_as_a_whole(manifest) -> None:
    """Where deliveries come from is said once, above their tables."""
    assert not [source["name"] for source in ours(manifest["sources"]) if not source["source_description"].strip()]


def test_every_column_is_described(manifest) -> None:
    """An analyst has the name and this line to go by."""
    undescribed = [
        f"{table['name']}.{column['name']}"
        for table in tables(manifest)
        for column in table["columns"].values()
        if not column["description"].strip()
    ]
    assert not undescribed


def test_macros_describe_the_arguments_that_they_take(manifest) -> None:
    """Whoever calls a macro reads its arguments in the documentation, so these have to be the true ones, in order."""
    wrong = []
    for macro in ours(manifest["macros"]):
        # dbt calls it, and gives it nothing
        if macro["name"].startswith("materialization_"):
            continue
        signature = re.search(r"{%-?\s*(?:macro|test)\s+\w+\((.*?)\)", macro["macro_sql"], re.DOTALL)
        assert signature, macro["name"]
        taken = [argument.split("=")[0].strip() for argument in signature[1].split(",") if argument.strip()]
        described = [argument["name"] for argument in macro["arguments"] if argument["description"].strip()]
        if taken != described:
            wrong.append((macro["name"], taken, described))
    assert not wrong


def test_functions_describe_what_they_take_and_return(manifest) -> None:
    """Who calls one in SQL sees types at most."""
    undescribed = [
        function["name"]
        for function in ours(manifest["functions"])
        if not all((part["description"] or "").strip() for part in [*function["arguments"], function["returns"]])
    ]
    assert not undescribed


def test_tests_have_names_of_their_own(manifest) -> None:
    """The name is what stands in the report of a failed build; a generated one tells the rule, not what is wrong."""
    generated = [
        test["name"]
        for test in nodes(manifest, "test")
        if (rule := test.get("test_metadata"))
        and test["name"].startswith((rule["name"], f"{rule['namespace']}_{rule['name']}", f"source_{rule['name']}"))
    ]
    assert not generated


def test_every_table_has_a_check(manifest) -> None:
    """What neither a test nor a constraint looks at is believed, not known."""
    tested = {node for test in nodes(manifest, "test") for node in test["depends_on"]["nodes"]}
    bare = [
        model["name"]
        for model in nodes(manifest, "model")
        if model["unique_id"] not in tested
        and not model["constraints"]
        and not any(column["constraints"] for column in model["columns"].values())
    ]
    assert not bare


def test_facts_declare_what_they_refer_to(manifest) -> None:
    """A fact whose dimension row is missing is lost in the join; only a reference that is declared is checked."""
    undeclared = [
        f"{model['name']}.{column['name']}"
        for model in nodes(manifest, "model")
        for column in model["columns"].values()
        if model["name"].startswith("fct_")
        and re.search(r"(^|_)(date|customer|product|country|rfm_band)_key$", column["name"])
        and "foreign_key" not in {constraint["type"] for constraint in column["constraints"]}
        # An old name holds what the new one holds, which declares it.
        and not column["description"].startswith("Old name of ")
    ]
    assert not undeclared


def test_rules_and_references_are_checked(manifest) -> None:
    """A rule in a YAML is a wish, until the test that reads it is there, too."""
    checked = {
        test["attached_node"]
        for test in nodes(manifest, "test")
        if test.get("test_metadata", {}).get("name") == "row_rules"
    }
    declaring = {
        node["unique_id"]
        for node in nodes(manifest, *TABLES)
        for owner in [node, *node["columns"].values()]
        if "rules" in owner["config"]["meta"]
        # a view has the keys that it joins
        or (
            node["config"]["materialized"] != "published_view"
            and "foreign_key" in {constraint["type"] for constraint in owner.get("constraints", [])}
        )
    }
    assert declaring
    assert declaring == checked


def test_models_snapshots_and_functions_have_a_yaml_of_their_own(manifest) -> None:
    """What a model promises stands beside it, under its name."""
    misplaced = [
        node["name"]
        for node in [*nodes(manifest, "model", "snapshot"), *ours(manifest["functions"])]
        if Path((node["patch_path"] or "").partition("://")[2] or node["original_file_path"])
        != Path(node["original_file_path"]).with_suffix(".yml")
        or Path(node["original_file_path"]).stem != node["name"]
    ]
    assert not misplaced


def test_every_doc_block_is_used(manifest) -> None:
    """A text that no column refers to is kept up to date for nobody."""
    text = "\n".join(read(path) for path in tracked("*.yml"))
    blocks = {doc["name"] for doc in ours(manifest["docs"]) if not doc["name"].startswith("__")}
    assert blocks
    assert not blocks - set(re.findall(r"""doc\(["'](\w+)["']\)""", text))


def test_code_owners_are_those_of_the_groups(manifest) -> None:
    """A file that moved or changed its group would be reviewed by the wrong team; `make owners` writes the file."""
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text())
    assert CODEOWNERS.read_text() == codeowners(manifest, project)


def test_exposures_read_gold(manifest) -> None:
    """Only gold is under contract: a report on anything else breaks without notice."""
    elsewhere = {
        (exposure["name"], name)
        for exposure in ours(manifest["exposures"])
        for name in exposure["depends_on"]["nodes"]
        if not manifest["nodes"].get(name, {}).get("original_file_path", "").startswith("models/marts/")
    }
    assert not elsewhere


@pytest.mark.parametrize(("target", "schema"), [("prod", "audit"), ("dev", "mine_audit"), ("ci", "mine_audit")])
def test_history_of_runs_lies_apart_for_each_target(
    target: str, schema: str, dbt: Dbt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The views on the history of runs follow the schema names of the target: a developer does not see production."""
    monkeypatch.setenv("DBT_SCHEMA", "mine")
    project = copy_of_project(tmp_path / "project")
    # The views are those of a package, so nothing of the project but its groups needs to be parsed.
    groups = project / "models" / "_groups.yml"
    text = groups.read_text()
    for folder in ("models", "snapshots", "seeds", "functions", "analyses", "tests"):
        shutil.rmtree(project / folder)
    groups.parent.mkdir()
    groups.write_text(text)
    dbt("parse", "--target", target, project=project)
    manifest = json.loads((project / "target" / "manifest.json").read_text())
    views = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert views
    assert {view["schema"] for view in views} == {schema}


# What the database knows of it


@pytest.fixture(scope="module")
def documented(built: Database, work_on, dbt: Dbt) -> Path:
    """The folder with the manifest and the catalog of the built warehouse."""
    with work_on(built):
        dbt("docs", "generate", "--no-compile", "--write-json")
    return dbt.target_path


def test_columns_are_those_of_the_database(manifest, documented: Path) -> None:
    """Documentation of a column that is not there misleads, and a column without any is nobody's."""
    catalog = json.loads((documented / "catalog.json").read_text())
    found = catalog["nodes"] | catalog["sources"]
    differing = {
        table["name"]: sorted(set(table["columns"]) ^ set(found.get(table["unique_id"], {}).get("columns", ())))
        for table in tables(manifest)
    }
    assert differing
    assert not {name: columns for name, columns in differing.items() if columns}


def test_descriptions_are_in_the_database(manifest, built: Database) -> None:
    """Whoever works in psql or a BI tool does not open the documentation."""
    with psycopg.connect(built.url) as session:
        found = session.execute(
            """
            select pg_class.relnamespace::regnamespace || '.' || pg_class.relname, pg_attribute.attname, description
            from pg_description
            inner join pg_class on pg_description.objoid = pg_class.oid and classoid = 'pg_class'::regclass
            left join pg_attribute on attrelid = objoid and attnum = objsubid
            where pg_class.relnamespace::regnamespace::text in ('silver', 'profiles', 'gold', 'audit')
            """
        ).fetchall()
    # A release writes the number of its rows below the description.
    count = re.compile(r"\nAbout [\d,]+ rows in release \d+\.$")
    comments = {(relation, column): count.sub("", text).strip() for relation, column, text in found}
    missing = [
        (relation, column)
        for model in nodes(manifest, "model")
        for relation in [f"{model['schema']}.{model['alias']}"]
        for column, description in [
            (None, model["description"]),
            *((column["name"], column["description"]) for column in model["columns"].values()),
        ]
        if comments.get((relation, column)) != description.strip()
    ]
    assert not missing


def test_documentation_is_complete(documented: Path) -> None:
    """A second opinion, by the tool that others measure with."""
    report = documented / "coverage.json"
    options = ["--run-artifacts-dir", documented, "--cov-report", report, "--cov-fail-under", "1.0"]
    done = run(BIN / "dbt-coverage", "compute", "doc", *options)
    assert done.returncode == 0, done.stdout
    assert json.loads(report.read_text())["total"] > 0


def test_gold_has_primary_keys(built: Database) -> None:
    """The grain of a table that analysts join is enforced by the database, not only described."""
    with psycopg.connect(built.url) as session:
        keyless = session.execute(
            """
            select pg_class.relname
            from pg_class
            left join pg_inherits on pg_class.oid = inhparent
            where pg_class.relnamespace = 'gold_tables'::regnamespace and pg_class.relkind in ('r', 'p')
                and not exists (
                    -- of a partitioned table, each partition has the key
                    select from pg_constraint where conrelid = coalesce(inhrelid, pg_class.oid) and contype = 'p'
                )
            """
        ).fetchall()
    assert not keyless


def test_silver_has_keys(built: Database) -> None:
    """A row that is there twice would count twice in gold. The lines have theirs in bronze, and in fct_sales."""
    with psycopg.connect(built.url) as session:
        keyless = session.execute(
            """
            select pg_class.relname
            from pg_class
            where pg_class.relnamespace = 'silver'::regnamespace and pg_class.relkind in ('r', 'p')
                and not exists (
                    select from pg_index where indrelid = pg_class.oid and indisunique and indpred is null
                )
            order by pg_class.relname
            """
        ).fetchall()
    assert keyless == [("int_lines_classified",), ("stg_retail__transactions",)]


# What is in the repository

FORBIDDEN = {
    "a package registry's address": r"pypi\.org|pythonhosted\.org|registry\.npmjs|--(extra-)?index-url|--find-[l]inks",
    "somebody's folder": r"(?<![\w.}])/(home|Users|root|work)/\w",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a password in an address": r"://[^/\s:@{}]+:[^/\s:@{}]+@",
    "an access token": r"\b(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|AKIA|AIza)[A-Za-z0-9_-]{16}",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    """What works on one machine only, or opens a door, cannot be taken back once it is published."""
    holding = [
        f"{path}: {match[0]}"
        for path in tracked()
        if (PROJECT_ROOT / path).is_file()
        for match in re.finditer(FORBIDDEN[what], (PROJECT_ROOT / path).read_bytes().decode(errors="replace"))
    ]
    assert not holding


def test_generated_files_are_not_tracked() -> None:
    """What can be made again is out of date in the repository, and in the way of everybody's changes."""
    assert tracked("--cached", "--ignored", "--exclude-standard") == []


def test_every_make_target_has_help() -> None:
    """`make` alone has to tell what one can do here."""
    declared = set(re.search(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)[1].split())
    helped = set(re.findall(r"^([a-z-]+):.*## \S", read("Makefile"), re.MULTILINE))
    assert declared == helped
    assert declared <= set(re.findall(r"^ +make ([\w-]+)", run("make", "help").stdout, re.MULTILINE))


def test_make_targets_that_are_named_exist() -> None:
    """The first command that somebody copies has to work."""
    declared = set(re.search(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)[1].split())
    named = {
        target
        for path in tracked("*.md", "*.yml", ".ci/*")
        # the changelog names commands that are gone
        if path != "CHANGELOG.md"
        for target in re.findall(r"(?:`|^|run: )make ([a-z-]+)(?=`| {2}| [A-Z]|$)", read(path), re.MULTILINE)
    }
    assert named
    assert not named - declared


# What is installed


# Each lock file, the lock files that are installed before it, and what of pyproject.toml they hold together beside the
# dependencies themselves.
LOCKS: dict[str, tuple[list[str], list[str]]] = {
    "requirements.lock": ([], []),
    "requirements-migrate.lock": (["requirements.lock"], ["migrate"]),
    "requirements-orchestration.lock": (["requirements.lock"], ["orchestration"]),
    "requirements-site.lock": (["requirements.lock"], ["site"]),
    "requirements-dev.lock": (["requirements.lock", "requirements-site.lock"], ["site", "dev"]),
    "requirements-bench.lock": (
        ["requirements.lock", "requirements-site.lock", "requirements-dev.lock"],
        ["site", "dev", "bench"],
    ),
    "requirements-dbt-1.12.lock": (
        ["requirements.lock", "requirements-site.lock", "requirements-dev.lock"],
        ["site", "dev"],
    ),
}
# What runs Alembic, and the folders whose commands install requirements-site.lock as well.
WITH_MIGRATE = ("scripts/migrate.py", "scripts/revisions.py")
WITH_SITE = ("scripts/ask/", "scripts/lineage/", "scripts/metrics/", "scripts/review/", "scripts/site/")


def pins(lock: str) -> dict[str, list[str]]:
    """The versions of each package in a lock file; several where they depend on the version of Python."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)", read(lock), re.MULTILINE):
        found.setdefault(canonical(name), []).append(version)
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock: str) -> None:
    """Without one, whatever is served under the name is installed; and from where is each machine's own choice."""
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", read(lock), flags=re.MULTILINE).strip())
    assert pins(lock)
    assert not [
        entry
        for entry in entries
        if not re.match(r"[\w.-]+(\[[^]]*\])?==\S+.*\\\n\s+--hash=sha256:[0-9a-f]{64}", entry)
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_satisfies_the_project(lock: str) -> None:
    """A dependency that is declared and not locked is not installed; one locked out of range is not the tested one."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    before, extras = LOCKS[lock]
    wanted = [*project["dependencies"], *chain(*(project["optional-dependencies"][extra] for extra in extras))]
    locked = {name: versions for each in (*before, lock) for name, versions in pins(each).items()}
    missing = [
        str(requirement)
        for requirement in map(Requirement, wanted)
        if not (versions := locked.get(canonical(requirement.name)))
        or not all(requirement.specifier.contains(version, prereleases=True) for version in versions)
    ]
    assert not missing


# The committed lineage is a JSON file, and needs nothing to be read.
READS_LINEAGE = (
    "scripts.lineage.read_edges",
    "scripts.lineage.Column",
    "scripts.lineage.Edge",
    "scripts.lineage.edges.",
)


def test_the_committed_lineage_is_read_without_the_site() -> None:
    """Each build follows personal data by it, also where only requirements.lock is installed."""
    code = (
        "import sys; sys.modules |= dict.fromkeys(('sqlglot', 'networkx', 'metricflow'));"
        "import scripts.governance.pii; from scripts.lineage import read_edges; assert read_edges()"
    )
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr


def test_a_build_needs_no_module_of_the_site() -> None:
    """Where only requirements.lock is installed, a command that imports the site, metrics or lineage fails."""
    packages = tuple(folder.rstrip("/").replace("/", ".") for folder in WITH_SITE)
    imports = [
        (path, name)
        for path in tracked("scripts/*.py")
        if not path.startswith((*WITH_SITE, "scripts/bench/"))
        for node in ast.walk(ast.parse(read(path)))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [f"{node.module}.{alias.name}" for alias in node.names]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name.startswith(packages) and not name.startswith(READS_LINEAGE)
    ]
    assert imports == []


def test_a_build_needs_no_package_of_the_tests() -> None:
    """`make build` installs requirements.lock alone: a module that imports more fails on a fresh machine only."""
    core = set(pins("requirements.lock"))
    missing = []
    distributions = packages_distributions()
    for path in tracked("scripts/*.py"):
        # Lint and the benchmark work with the tools of the tests.
        if path.startswith(("scripts/bench/", "scripts/lint/")) and path != "scripts/bench/plans.py":
            continue
        locked = core | set(pins("requirements-site.lock")) if path.startswith(WITH_SITE) else core
        locked = locked | set(pins("requirements-migrate.lock")) if path in WITH_MIGRATE else locked
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            tops = {name.partition(".")[0] for name in names} - {"scripts", "", *sys.stdlib_module_names}
            missing += [(path, top) for top in tops if not locked & set(map(canonical, distributions.get(top, [top])))]
    assert missing == []
