"""Variables and schemas become part of SQL, so dbt refuses a wrong value in one line, before any SQL runs."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import connection
from scripts.errors import Refusal, said_in_one_line
from scripts.paths import PROJECT_ROOT

MACROS = ("assert_variables_are_valid.sql", "generate_schema_name.sql")

pytestmark = pytest.mark.dbt


def project_variables() -> dict[str, Any]:
    """Return the variables of this project."""
    variables: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text())["vars"]
    return variables


def said(folder: Path, variables: dict[str, Any], schema: str = "ann") -> str:
    """Return how dbt refuses to parse a project of one model with our macros and variables; else nothing."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # takes three seconds

    (folder / "macros").mkdir()
    for name in MACROS:
        shutil.copy(PROJECT_ROOT / "macros" / name, folder / "macros")
    login = dict.fromkeys(("host", "user", "password", "dbname"), "any")
    files = {
        "dbt_project.yml": {
            "name": "little",
            "profile": "p",
            "flags": {"send_anonymous_usage_stats": False},
            "vars": project_variables(),
            "models": {"little": {"+schema": "gold"}},
            "on-run-start": ["{{ assert_variables_are_valid() }}"],
        },
        "profiles.yml": {
            "p": {"target": "t", "outputs": {"t": {"type": "postgres", "port": 1, "schema": schema, **login}}}
        },
        "models/one.sql": "select 1 as one",
    }
    (folder / "models").mkdir()
    for name, content in files.items():
        (folder / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    options = [f"--project-dir={folder}", f"--profiles-dir={folder}", f"--log-path={folder}", "--target=t"]
    done = dbtRunner().invoke(["--log-level=none", "parse", *options, "--vars", yaml.safe_dump(variables)])
    return said_in_one_line(str(done.exception)) if done.exception else ""


def test_the_values_of_the_project_are_valid(tmp_path: Path) -> None:
    """A check that refused good values would stop every build."""
    good = {"calendar_end": "2010-01-01", "offer_window_days": 10, "anomaly_silence_chance": 0.00001}
    assert said(tmp_path, {**good, "home_country": "Côte d Ivoire"}) == ""


def test_wrong_values_are_refused(tmp_path: Path) -> None:
    """A quote in a value would become SQL, and a slip of the pen would become an error of the server."""
    wrong = {
        "calendar_start": "2009-01-01' or true --",
        "closed_until": "01-03' or '",
        "offer_window_days": "10) or (1=1",
        "max_quarantined_share": "0.01 or true",
        "home_country": "United Kingdom' or 'a' = 'a",
        "min_support_percent": "1; drop schema gold",
        "missing_words": ["-", "it's"],
    }
    line = said(tmp_path, wrong)
    assert line.startswith("wrong variables: ")
    assert "\n" not in line
    assert [name for name in wrong if f"{name} is `" not in line] == []
    assert line.count(" is `") == len(wrong)


def test_every_variable_of_the_project_has_a_pattern() -> None:
    """A new variable without a pattern would reach SQL as it is."""
    patterns = (PROJECT_ROOT / "macros" / "assert_variables_are_valid.sql").read_text()
    ours = {name for name in project_variables() if not name.startswith("pg_wap_")}
    assert ours <= set(re.findall(r'"(\w+)"', patterns))


def test_dbt_refuses_a_schema_that_is_no_plain_name(tmp_path: Path) -> None:
    """DBT_SCHEMA is a part of the name of each schema."""
    assert "is no prefix for schemas: set DBT_SCHEMA" in said(tmp_path, {}, 'ann"; drop schema gold; --')


@pytest.mark.parametrize("schema", ["Ann", "ann.b", "ann-b", 'ann"; drop schema gold; --', "1ann", "a" * 41, ""])
def test_scripts_refuse_a_schema_that_is_no_plain_name(monkeypatch: pytest.MonkeyPatch, schema: str) -> None:
    """A build must learn it before files land, not from dbt afterwards."""
    for name in connection.REQUIRED_VARIABLES:
        monkeypatch.setenv(name, "any")
    monkeypatch.setenv("DBT_SCHEMA", schema)
    with pytest.raises(Refusal, match="is no prefix for schemas"):
        connection.libpq_environment("ci")
