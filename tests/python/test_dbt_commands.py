"""The habits of an ordinary dbt user, on this warehouse. The package tests each command of dbt on a small project."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
import yaml
from conftest import Database, Sample
from dbt_project import Dbt, Outcome, copy_of_project, environment
from warehouse_state import fingerprints

from scripts.land import land
from scripts.paths import PROJECT_ROOT

OK = {"success", "pass", "warn", "no-op"}


def messages(results: dict[str, Outcome]) -> list[str]:
    """Return what failed, one line each."""
    return [f"{name}: {result.message}" for name, result in results.items() if result.status not in OK]


@pytest.mark.parametrize("command", ["build", "run", "test", "snapshot"])
def test_a_command_before_any_landing_says_so_in_one_line(command: str, working: Database, dbt: Dbt) -> None:
    """Otherwise each of a hundred nodes fails with an error of its own, and none says what to do."""
    with pytest.raises(AssertionError, match=r"nothing has landed in target 'prod': run `make build`, or land files"):
        dbt(command)
    with psycopg.connect(working.url) as session:
        assert session.execute("select to_regclass('audit.runs')").fetchone() == (None,)


def test_seed_run_snapshot_test_make_what_a_build_makes(
    built: Database, working: Database, sample: Sample, dbt: Dbt
) -> None:
    """Schedulers and old hands run the steps one by one, on an empty warehouse as well."""
    land([sample.folder], working.url)
    for step in ("seed", "run", "snapshot"):
        assert messages(dbt(step)) == []
    assert messages(dbt("test", "--exclude-resource-type", "unit_test")) == []
    dbt("run-operation", "pg_wap.publish")
    assert dbt.errors == []
    assert fingerprints(working.url) == fingerprints(built.url)
    # from now on, the dimensions read the snapshots, which hold the same
    assert messages(dbt("build", "--exclude-resource-type", "unit_test")) == []
    assert fingerprints(working.url) == fingerprints(built.url)


def test_an_empty_build_of_a_branch_compiles_all_models_and_touches_nothing_shared(
    copy_of_built: Database, dbt: Dbt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--empty` is dbt's cheap check of a branch: it runs each model's SQL on no rows, in schemas of the branch."""
    monkeypatch.setenv("DBT_SCHEMA", "branch")
    before = {schema: fingerprints(copy_of_built.url, schema) for schema in ("silver", "history", "gold")}
    without_checks = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    assert messages(dbt("build", "--empty", "--target", "dev", *without_checks)) == []
    with psycopg.connect(copy_of_built.url) as session:
        assert session.execute("select count(*) from branch_silver.int_lines_classified").fetchone() == (0,)
    with pytest.raises(
        AssertionError, match="--empty would build the release of target 'prod' from a part of the data"
    ):
        dbt("run", "--empty")
    after = {schema: fingerprints(copy_of_built.url, schema) for schema in ("silver", "history", "gold")}
    assert after == before


def test_a_sample_of_days_builds_from_these_days(
    copy_of_built: Database, dbt: Dbt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staged lines have an event time, so `--sample` is no full run in silence."""
    monkeypatch.setenv("DBT_SCHEMA", "branch")
    days = "{'start': '2011-10-01', 'end': '2011-11-01'}"
    without_checks = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    selected = ["--select", "+int_lines_classified", "--sample", days, "--target", "dev"]
    assert messages(dbt("build", *selected, *without_checks)) == []
    with psycopg.connect(copy_of_built.url) as session:
        found = session.execute(
            "select min(invoiced_on), max(invoiced_on), count(*) from branch_silver.int_lines_classified"
        )
        first, last, lines = found.fetchone() or (None, None, 0)
    assert lines > 0
    assert (f"{first:%Y-%m}", f"{last:%Y-%m}") == ("2011-10", "2011-10")


def test_an_emptied_bronze_closes_no_history(copy_of_built: Database, dbt: Dbt) -> None:
    """A snapshot takes all that is missing for deleted, and history cannot be built again."""
    before = {schema: fingerprints(copy_of_built.url, schema) for schema in ("history", "gold")}
    with psycopg.connect(copy_of_built.url) as session:
        session.execute("delete from bronze.landed_files where file_id > 1")
    # a build stops at once, because bronze does not hold what the ledger says
    assert messages(dbt("build", "--exclude-resource-type", "unit_test")) != []
    assert messages(dbt("snapshot")) == []
    with psycopg.connect(copy_of_built.url) as session:
        session.execute("delete from bronze.transactions where _file_id > 1")
    assert messages(dbt("run")) == []
    failed = messages(dbt("snapshot"))
    message = "snp_customer_versions knows are missing in int_customer_versions, and pg_wap_max_closed_share is 0.05"
    assert any(message in line for line in failed), failed
    after = {schema: fingerprints(copy_of_built.url, schema) for schema in ("history", "gold")}
    # lines in quarantine are on record as released, because their files are gone; nothing is closed without a next row
    for rows in (before, after):
        del rows["history"]["snp_quarantine_versions"]
    assert after == before


MARTS = {
    "ordinary_table": "{{ config(materialized='table', contract={'enforced': false}) }}",
    "ordinary_view": "{{ config(materialized='view', contract={'enforced': false}) }}",
    "ordinary_increments": "{{ config(materialized='incremental', unique_key='country_key') }}",
}


def test_ordinary_marts_with_ordinary_tests_join_the_release_and_leave_it(
    copy_of_built: Database, dbt: Dbt, tmp_path: Path
) -> None:
    """A newcomer's mart needs no word of this project: it is released after its tests, and goes when its files go."""
    project = copy_of_project(tmp_path / "project")
    folder = project / "models" / "marts" / "marketing"
    for name, config in MARTS.items():
        query = "select country_key, country_name from {{ ref('dim_country') }}"
        (folder / f"{name}.sql").write_text(f"{config}\n{query}\n")
        tests = [
            {"name": "country_key", "data_type": "bigint", "data_tests": ["not_null", "unique"]},
            {"name": "country_name", "data_type": "text"},
        ]
        (folder / f"{name}.yml").write_text(yaml.safe_dump({"models": [{"name": name, "columns": tests}]}))
    names = sorted(MARTS)
    assert messages(dbt("build", "--select", *names, project=project)) == []
    gold = fingerprints(copy_of_built.url)
    assert {gold[name] == gold[names[0]] for name in names} == {True}
    # any other command of the project still works
    assert messages(dbt("test", "--select", "dim_rfm_band", project=project)) == []
    assert messages(dbt("build", "--select", "dim_rfm_band")) == []
    assert set(MARTS) & set(fingerprints(copy_of_built.url)) == set()


def test_dbt_works_from_another_folder(
    built: Database, work_on: Callable[..., AbstractContextManager[Database]], tmp_path
) -> None:
    """Schedulers run dbt from a folder of their own, with the folder of the project as an option."""
    with work_on(built):
        command = [
            sys.executable,
            "-m",
            "dbt.cli.main",
            "show",
            "--inline",
            "select count(*) as dates from gold.dim_date",
        ]
        options = ["--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT), "--output", "json"]
        folders = ["--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")]
        ran = subprocess.run(
            [*command, *options, *folders],
            cwd=tmp_path,
            env=os.environ | environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert '"dates"' in ran.stdout
