"""Every command of dbt, with its options: what it does to the models, to history and to the release."""

import shutil
from typing import Any

import pytest
import yaml

from .project import AUDIT, Project

STATE = {
    "lines": "select count(*) from store_staging.order_lines",
    "history": "select count(*) filter (where dbt_valid_to is null), count(*) from store_history.customer_countries",
    "release": """
        select sum(amount), (select count(*) from store_published.month_totals) from store_published.orders
    """,
    "releases": f"select count(*) from {AUDIT}.releases",
}
BUILT = {"lines": [(5,)], "history": [(5, 5)], "release": [(43.5, 3)], "releases": [(1,)]}
# A sixth line, of another customer in another month.
ANOTHER_LINE = "insert into raw.order_lines values (6, 9, 'ES', '2024-04-02', 100, 3)"
AFTER_BUILD = {"lines": [(6,)], "history": [(6, 6)], "release": [(143.5, 4)], "releases": [(2,)]}
ONLY_MODELS = BUILT | {"lines": [(6,)]}
ONLY_HISTORY = BUILT
NOTHING = BUILT

# Each command after another line has come, and what differs afterwards.
COMMANDS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "build": (["build"], AFTER_BUILD),
    "build --full-refresh": (["build", "--full-refresh"], AFTER_BUILD),
    "build --fail-fast": (["build", "--fail-fast"], AFTER_BUILD),
    "build --threads 1": (["build", "--threads", "1"], AFTER_BUILD),
    "build --exclude": (["build", "--exclude", "month_totals"], ONLY_MODELS | {"history": [(6, 6)]}),
    "build --select": (["build", "--select", "+customer_totals"], ONLY_MODELS | {"releases": [(2,)]}),
    "run": (["run"], ONLY_MODELS),
    "test": (["test"], NOTHING),
    "seed": (["seed"], NOTHING),
    "seed --full-refresh": (["seed", "--full-refresh"], NOTHING),
    "snapshot": (["snapshot"], ONLY_HISTORY),
    "compile": (["compile"], NOTHING),
    "show": (["show", "--select", "month_totals"], NOTHING),
    "ls": (["ls"], NOTHING),
    "docs generate": (["docs", "generate"], NOTHING),
    "source freshness": (["source", "freshness"], NOTHING),
}


def state_of(project: Project) -> dict[str, Any]:
    """Return what is in the models, in history and in the release."""
    return {name: project.ask(query) for name, query in STATE.items()}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_does_what_dbt_says_and_leaves_the_rest(command: str, store: Project) -> None:
    """Only a build publishes; only what may write writes."""
    arguments, expected = COMMANDS[command]
    assert state_of(store) == BUILT
    store.ask(ANOTHER_LINE)
    assert store.dbt(*arguments), store.errors
    assert state_of(store) == expected


def test_the_steps_of_a_build_one_by_one_publish_with_the_last(lean: Project) -> None:
    """Schedulers run seed, run, snapshot and test, and then publish."""
    lean.ask(ANOTHER_LINE)
    for step in ("seed", "run", "snapshot", "test"):
        assert lean.dbt(step), lean.errors
        assert lean.ask(STATE["release"]) == BUILT["release"]
    assert lean.dbt("run-operation", "pg_wap.publish"), lean.errors
    assert lean.ask(STATE["release"]) == AFTER_BUILD["release"]


READS_HISTORY = """
{{ config(materialized='incremental_by_key', unique_key='line_id', schema='published') }}
select line_id, country, dbt_valid_from is not null as is_known
from {{ pg_wap.snapshot_or_source(ref('customer_countries'), ref('order_lines')) }}
where dbt_valid_to is null
"""


def test_the_steps_of_a_first_build_need_no_second_run(lean_project: Project, empty: str) -> None:
    """A model that reads a snapshot runs before the snapshot is there: its source stands in for it."""
    lean_project.reset()
    lean_project.url = empty
    lean_project.model("countries_known", READS_HISTORY)
    for step in ("seed", "run", "snapshot", "test"):
        assert lean_project.dbt(step), lean_project.errors
    assert lean_project.dbt("run-operation", "pg_wap.publish"), lean_project.errors
    known = "select line_id, country, is_known from store_published.countries_known order by line_id"
    assert len(lean_project.ask(known)) == len(BUILT["lines"]) * 5
    # from now on it reads the snapshot
    lean_project.ask("update raw.order_lines set country = 'ES' where line_id = 1")
    lean_project.ask("update store_history.customer_countries set country = 'XX' where line_id = 2")
    lean_project.ask("update raw.order_lines set country = 'XX' where line_id = 2")
    lean_project.build()
    assert lean_project.ask(known)[:2] == [(1, "ES", True), (2, "XX", True)]


BROKEN_TOTALS = "{{ config(unique_key='customer_id') }} select 1 / 0 as customer_id"


@pytest.mark.parametrize("is_noticed", [True, False], ids=["command line", "program"])
def test_a_retry_publishes_no_part_of_a_release(
    is_noticed: bool, lean: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the failed run built is no part of the candidate any more: customers would be newer than their orders."""
    from dbt import selected_resources  # noqa: PLC0415  # imports dbt, which takes two seconds

    lean.ask(ANOTHER_LINE)
    whole = lean.read("models/release/customer_totals.sql")
    lean.write("models/release/customer_totals.sql", BROKEN_TOTALS)
    assert not lean.dbt("build", "--write-json")
    assert lean.ask(STATE["release"]) == BUILT["release"]
    lean.write("models/release/customer_totals.sql", whole)
    lean.ask("insert into raw.order_lines values (7, 10, 'ES', '2024-05-02', 1000, 3)")
    # a program that ran another command before has a selection from then
    monkeypatch.setattr(selected_resources, "SELECTED_RESOURCES", [] if is_noticed else ["model.store.orders"])
    succeeds = lean.dbt("retry")
    if is_noticed:
        refused = (
            "dbt retry would publish a part of a release: run `dbt build`, which builds only what is left. Nothing was"
        )
        assert not succeeds
        assert refused in lean.errors[0]
        assert len(lean.errors) == 1
    else:
        assert "Not published: this run repeated a part of a build" in lean.said[-1], (
            lean.said,
            lean.errors,
        )
    assert lean.ask(STATE["release"]) == BUILT["release"]
    assert not lean.dbt("run-operation", "pg_wap.publish")
    lean.build()
    assert lean.ask(STATE["release"]) == [(1143.5, 5)]
    assert lean.ask("select sum(amount) from store_published.customer_totals") == [(1136,)]


ANOTHER_TARGET = """
    another:
      type: postgres
      host: "{{ env_var('PGHOST', 'localhost') }}"
      port: "{{ env_var('PGPORT', '5432') | as_number }}"
      user: "{{ env_var('PGUSER', 'postgres') }}"
      password: "{{ env_var('PGPASSWORD', '') }}"
      dbname: "{{ env_var('PGDATABASE', 'pg_wap_test') }}"
      schema: another
      threads: 4
"""


@pytest.mark.parametrize("option", [[], ["--favor-state"]], ids=["defer", "favor_state"])
def test_a_branch_builds_what_it_changes_and_reads_the_rest(option: list[str], lean: Project) -> None:
    """With `--defer`, a developer builds one model from relations of another target, in schemas apart."""
    lean.write("profiles.yml", lean.read("profiles.yml") + ANOTHER_TARGET)
    assert lean.dbt_with_files_as_they_are("compile", "--write-json"), lean.errors
    state = lean.folder / "state"
    shutil.copytree(lean.folder / "target", state, dirs_exist_ok=True)
    try:
        selected = ["--select", "customer_totals", "--defer", f"--state={state}", *option, "--target", "another"]
        assert lean.dbt_with_files_as_they_are("build", *selected), lean.errors
        assert lean.ask("select sum(amount) from another_published.customer_totals") == [(36,)]
        assert lean.ask("select to_regclass('another_staging.order_lines')") == [(None,)]
        assert lean.ask(STATE["releases"]) == BUILT["releases"]
        clone = ["clone", f"--state={state}", "--target", "another"]
        assert lean.dbt_with_files_as_they_are(*clone), lean.errors
        assert lean.ask("select count(*) from another_staging.order_lines") == [(5,)]
        assert state_of(lean) == BUILT
    finally:
        shutil.rmtree(state)


def test_a_clone_is_enough_to_build_one_mart(lean: Project) -> None:
    """A developer clones production into schemas apart, and then changes one mart."""
    lean.write("profiles.yml", lean.read("profiles.yml") + ANOTHER_TARGET)
    assert lean.dbt_with_files_as_they_are("compile", "--write-json"), lean.errors
    state = lean.folder / "state"
    shutil.copytree(lean.folder / "target", state, dirs_exist_ok=True)
    try:
        assert lean.dbt_with_files_as_they_are("clone", f"--state={state}", "--target", "another"), lean.errors
        assert lean.errors == []
        # dbt makes no snapshot where the clone is a view
        no_snapshot = ("--exclude", "customer_countries")
        for command in (["build", "--select", "month_totals"], ["build", "--select", "order_lines+", *no_snapshot]):
            assert lean.dbt_with_files_as_they_are(*command, "--target", "another"), (
                lean.errors,
                lean.outcomes,
            )
            assert lean.ask("select count(*) from another_published.month_totals") == [(3,)]
        assert state_of(lean) == BUILT
    finally:
        shutil.rmtree(state)


# Commands that read a part of the data


@pytest.mark.parametrize("option", [["--empty"], ["--sample", "3 days"]], ids=["empty", "sample"])
@pytest.mark.parametrize("command", ["build", "run", "snapshot"])
def test_a_part_of_the_data_is_refused_where_everyone_reads(command: str, option: list[str], lean: Project) -> None:
    """A model built from nothing is empty, and so would be the release."""
    if command == "snapshot" and option[0] == "--sample":
        pytest.skip("dbt snapshot has no --sample")
    lean.ask(ANOTHER_LINE)
    assert not lean.dbt(command, *option, "--vars", "pg_wap_protected_targets: [test]")
    assert len(lean.errors) == 1
    assert f"{option[0]} would build the release of target 'test' from a part of the data" in lean.errors[0]
    assert "Nothing was built." in lean.errors[0]
    assert state_of(lean) == BUILT


def test_an_empty_build_leaves_history_and_the_next_build_is_whole(lean: Project) -> None:
    """`--empty` checks the SQL of a branch in seconds: it may empty the branch's own models, but never its history."""
    lean.write("models/staging/order_lines.sql", READS_A_SOURCE)
    lean.write("models/staging/sources.yml", yaml.safe_dump(SOURCE))
    lean.build()
    assert lean.dbt("build", "--empty"), lean.errors
    assert lean.ask(STATE["lines"]) == [(0,)]
    assert lean.ask(STATE["release"]) == [(None, 0)]
    assert lean.ask(STATE["history"]) == BUILT["history"]
    lean.build()
    assert {name: rows for name, rows in state_of(lean).items() if name != "releases"} == {
        name: rows for name, rows in BUILT.items() if name != "releases"
    }


READS_A_SOURCE = """
{{ config(unique_key='line_id', logged_columns=['line_id', 'customer_id', 'ordered_on'], event_time='ordered_on') }}
select line_id, customer_id, country, ordered_on, amount from {{ source('raw', 'order_lines') }}
"""
SOURCE = {
    "sources": [
        {"name": "raw", "tables": [{"name": "order_lines", "config": {"event_time": "ordered_on"}}]},
    ]
}


def test_a_sample_builds_from_the_days_of_the_sample(lean: Project) -> None:
    """`--sample` is a filter on the event time, also on the candidate of a published model."""
    lean.write("models/staging/order_lines.sql", READS_A_SOURCE)
    lean.write("models/staging/sources.yml", yaml.safe_dump(SOURCE))
    sample = "{'start': '2024-02-01', 'end': '2024-03-01'}"
    assert lean.dbt("build", "--sample", sample), lean.errors
    assert lean.ask(STATE["lines"]) == [(2,)]
    assert lean.ask("select sum(amount) from store_published.orders") == [(25,)]
    assert lean.ask(STATE["history"]) == BUILT["history"]


def test_a_source_that_grew_has_statistics_before_models_read_it(lean: Project) -> None:
    """Rows that landed a moment ago are unknown to the planner, and autovacuum comes after the build."""
    lean.write("models/staging/order_lines.sql", READS_A_SOURCE)
    lean.write("models/staging/sources.yml", yaml.safe_dump(SOURCE))
    lean.ask("alter table raw.order_lines set (autovacuum_enabled = off)")
    lean.ask(MANY_LINES)
    lean.build()
    known = lean.ask("select reltuples from pg_class where oid = 'raw.order_lines'::regclass")
    assert known == lean.ask("select count(*) from raw.order_lines")


# History that nothing upstream explains


MANY_LINES = """
    insert into raw.order_lines
    select 100 + n, n, 'FR', '2024-01-05', 1, 3 from generate_series(1, 200) as numbers (n)
"""


def many_lines(project: Project) -> None:
    """Build two hundred lines more."""
    project.ask(MANY_LINES)
    project.build()
    assert project.ask(STATE["history"]) == [(205, 205)]


def empty_the_source(project: Project) -> None:
    """Delete what the models are built from, such as a ledger."""
    project.ask("delete from raw.order_lines where line_id > 100")


def truncate_the_model(project: Project) -> None:
    """Truncate a model by hand."""
    project.ask("truncate store_staging.order_lines")
    project.ask(f"update {AUDIT}.model_states set built_fingerprint = null")


def empty_the_model(project: Project) -> None:
    """Build the model from an empty source."""
    empty_the_source(project)
    assert project.dbt("run"), project.errors


ACCIDENTS = {
    "an empty source": (empty_the_source, "build"),
    "an empty model": (empty_the_model, "snapshot"),
    "a truncated model": (truncate_the_model, "snapshot"),
}


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_a_snapshot_closes_no_great_part_of_history(accident: str, lean: Project) -> None:
    """History cannot be built again: what is missing upstream is an accident until a person confirms it."""
    lean.configure({"snapshots": {"store": {"+hard_deletes": "invalidate"}}})
    many_lines(lean)
    change, command = ACCIDENTS[accident]
    change(lean)
    assert not lean.dbt(command)
    message = " ".join(lean.errors)
    missing = "rows that customer_countries knows are missing in order_lines"
    assert f"{missing}, and pg_wap_max_closed_share is 0.05: nothing was closed" in message
    assert """run again with --vars "pg_wap_max_closed_share: 1\"""" in message
    assert lean.ask(STATE["history"]) == [(205, 205)]
    assert lean.dbt(command, "--vars", "pg_wap_max_closed_share: 1"), lean.errors
    assert lean.ask(STATE["history"])[0][0] < 10


def test_a_few_closed_rows_are_ordinary(lean: Project) -> None:
    """Rows that are corrected away close their history, as dbt does."""
    lean.configure({"snapshots": {"store": {"+hard_deletes": "invalidate"}}})
    many_lines(lean)
    lean.ask("delete from raw.order_lines where line_id > 291")
    lean.build()
    assert lean.ask(STATE["history"]) == [(196, 205)]
