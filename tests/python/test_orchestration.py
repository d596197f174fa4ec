"""Dagster runs the same build as `make build`, shows each check, and starts nothing twice."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NamedTuple

import psycopg
import pytest
import yaml
from dbt_project import Dbt, environment
from harness import Database
from psycopg.rows import dict_row
from warehouse_state import fingerprints

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT

dg = pytest.importorskip("dagster", reason="Dagster is not installed: `make dev` installs it")

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
GOOD_LINE = "1000000,85123A,LANTERN,6,2011-01-04 08:26:00,2.55,17850,United Kingdom\n"
BAD_LINE = "{number},85123A,LANTERN,six,2011-01-05 08:26:00,2.55,17850,United Kingdom\n"
# Of a release: all that does not differ between two builds of the same files. Lists come in the order of the threads.
SAME = ("kind", "files", "last_file_id", "changed_models", "checks_passed", "checks_warned", "rolled_back")
SETTINGS = PROJECT_ROOT / "orchestration" / "dagster.yaml"
SYSTEMD = PROJECT_ROOT / "orchestration" / "systemd"


class Story(NamedTuple):
    """What Dagster ran on one warehouse, and what readers saw after each run.

    Attributes:
        sample: a build of the sample.
        good_day: a backfill of a day with a file.
        rollback: back to the release of the sample.
        bad_day: a backfill of a day whose lines mostly cannot be typed.
        refused_day: a backfill of a day whose file lacks a column.
        releases: the rows of `audit.releases` at the end.
        gold: what was published after the first build, after the rollback, and at the end.
        checks: the names of the checks in `audit.checks`.
        nodes: the ids of the nodes in `audit.node_results`.
    """

    sample: Any
    good_day: Any
    rollback: Any
    bad_day: Any
    refused_day: Any
    releases: list[dict[str, Any]]
    gold: list[dict[str, tuple[int, int]]]
    checks: set[str]
    nodes: set[str]


@pytest.fixture(scope="module")
def settings(dbt: Dbt) -> Iterator[pytest.MonkeyPatch]:
    """Point Dagster, and the builds that it starts, at the working database of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        folders = {"DBT_TARGET_PATH": str(dbt.target_path), "DBT_LOG_PATH": str(dbt.log_path)}
        for name, value in (environment() | folders).items():
            patch.setenv(name, value)
        patch.delenv("LANDING", raising=False)
        yield patch


@pytest.fixture(scope="module")
def code(built: Database, settings: pytest.MonkeyPatch) -> ModuleType:
    """Load the definitions as Dagster does; `built` has parsed the project."""
    return import_module("orchestration.definitions")


@pytest.fixture(scope="module")
def story(work_on, sample, code: ModuleType) -> Story:
    """Build, backfill two days, and roll back: in this process, as far as Dagster goes."""

    def run(job: str, **options: Any) -> Any:
        found = code.defs.resolve_job_def(job)
        return found.execute_in_process(instance=instance, raise_on_error=False, **options)

    def op(name: str, **config: str) -> dict[str, Any]:
        return {"ops": {name: {"config": config}}}

    with (
        work_on() as warehouse,
        TemporaryDirectory(prefix="retail-") as parent,
        dg.instance_for_test(overrides=yaml.safe_load(SETTINGS.read_text())) as instance,
        pytest.MonkeyPatch.context() as patch,
    ):
        (daily := Path(parent, "daily")).mkdir()
        (daily / "2011-01-04.csv").write_text(HEADER + GOOD_LINE)
        bad = (BAD_LINE.format(number=900_000 + number) for number in range(sample.truth["raw"]["rows"] // 50))
        (daily / "2011-01-05.csv").write_text(HEADER + "".join(bad))
        (daily / "2011-01-06.csv").write_text(HEADER.replace("Price", "Preis") + GOOD_LINE)
        patch.setenv("LANDING", parent)
        done = [run("build", run_config=op("warehouse", landing=str(sample.folder)))]
        gold = [fingerprints(warehouse.url)]
        done.append(run("build_day", partition_key="2011-01-04"))
        done.append(run("rollback"))
        gold.append(fingerprints(warehouse.url))
        done.append(run("build_day", partition_key="2011-01-05"))
        done.append(run("build_day", partition_key="2011-01-06"))
        gold.append(fingerprints(warehouse.url))
        with psycopg.connect(warehouse.url) as session:
            checks = session.execute("select name from audit.checks where kind = 'check'").fetchall()
            nodes = session.execute("select distinct unique_id from audit.node_results").fetchall()
        return Story(*done, releases(warehouse.url), gold, {name for (name,) in checks}, {node for (node,) in nodes})


def releases(url: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as session:
        found = session.execute("select * from audit.releases order by release_id").fetchall()
    return [{name: sorted(row[name]) if isinstance(row[name], list) else row[name] for name in SAME} for row in found]


def evaluations(result: Any) -> dict[str, Any]:
    """Return the results of the asset checks of a run by name; none may come twice."""
    found = result.get_asset_check_evaluations()
    names = [each.check_name for each in found]
    assert len(names) == len(set(names))
    return dict(zip(names, found, strict=True))


# The build


def test_release_equals_that_of_make(story: Story, built: Database) -> None:
    """An orchestrator that builds in its own way would publish other numbers than those that the tests prove."""
    assert story.sample.success
    assert story.releases[0] == releases(built.url)[0]
    assert {name: rows for name, (rows, _) in story.gold[0].items()} == {
        name: rows for name, (rows, _) in fingerprints(built.url).items()
    }


def test_each_check_of_audit_is_an_asset_check(story: Story, code: ModuleType) -> None:
    """A check that the page does not show is a check on which nobody acts; those of several models get lost easily."""
    assert story.checks
    assert {key.name for key in code.defs.resolve_asset_graph().asset_check_keys} == story.checks
    assert evaluations(story.sample).keys() == story.checks
    assert all(each.passed for each in evaluations(story.sample).values())


def test_severity_is_kept(code: ModuleType) -> None:
    """A warning that looks like a failure wakes somebody up, and the reverse lets wrong numbers through."""
    declared = {spec.name: spec.metadata["severity"] for spec in code.warehouse.check_specs}
    assert declared["assert_no_invoice_is_from_the_future"] == "warn"
    assert declared["assert_quarantine_stays_small"] == "error"


def test_each_relation_is_an_asset_with_its_release(story: Story, code: ModuleType) -> None:
    """A relation that is missing from the graph looks as if nothing made it."""
    made = {event.asset_key: event for event in story.sample.get_asset_materialization_events()}
    relations = {node for node in story.nodes if node.split(".")[0] in ("model", "seed", "snapshot")}
    ephemeral = {name for name, node in code.graph.relations.items() if node["config"]["materialized"] == "ephemeral"}
    assert code.graph.relations.keys() - ephemeral == relations
    assert made.keys() == set(map(code.graph.key, code.graph.relations))
    metadata = made[dg.AssetKey(["gold", "fct_sales"])].step_materialization_data.materialization.metadata
    assert metadata["release"].value == 1
    assert metadata["dagster/row_count"].value == story.gold[0]["fct_sales"][0]
    assert metadata["seconds"].value > 0


def test_assets_know_their_owner_and_parents(code: ModuleType) -> None:
    """Whoever is called at night needs the team, and what the relation is made from."""
    specs = {spec.key.to_user_string(): spec for spec in code.warehouse.specs}
    sales = specs["gold/fct_sales"]
    assert (sales.group_name, sales.owners) == ("finance", ["finance@example.com"])
    assert {dep.asset_key.to_user_string() for dep in sales.deps} & specs.keys()
    assert code.defs.resolve_asset_graph().get(dg.AssetKey(["bronze", "transactions"])).is_external


def test_backfilled_day_is_published_and_rolled_back(story: Story) -> None:
    """A day that was missed has to come in by one run, and to leave by one if its file was wrong."""
    assert story.good_day.success
    assert (story.releases[1]["kind"], story.releases[1]["files"]) == ("publish", story.releases[0]["files"] + 1)
    assert story.rollback.success
    assert (story.releases[2]["kind"], story.releases[2]["rolled_back"]) == ("rollback", 2)
    assert story.gold[1]["fct_sales"] == story.gold[0]["fct_sales"]


def test_failing_check_fails_the_run_and_keeps_the_release(story: Story) -> None:
    """Dagster must show the check that stopped the release, not a green asset that readers never saw."""
    assert not story.bad_day.success
    failed = evaluations(story.bad_day)["assert_quarantine_stays_small"]
    assert (failed.passed, failed.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert failed.metadata["rows found"].value == 2
    assert story.bad_day.get_asset_materialization_events() == []
    assert len(story.releases) == 3
    assert story.gold[2] == story.gold[1]


def test_refused_file_is_told_in_its_own_words(story: Story) -> None:
    """A run that only says that a command failed sends the reader into its log."""
    assert not story.refused_day.success
    (failure,) = [event for event in story.refused_day.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "2011-01-06.csv: " in failure.step_failure_data.error.message
    assert "1 of 1 files refused" in failure.step_failure_data.error.message


def test_what_fails_again_is_not_retried(story: Story) -> None:
    """The same rows and files fail again; a retry only delays the call."""
    for run in (story.bad_day, story.refused_day):
        kinds = {event.event_type_value for event in run.all_events}
        assert "STEP_FAILURE" in kinds
        assert "STEP_UP_FOR_RETRY" not in kinds


# Files


def look(code: ModuleType, cursor: str | None) -> tuple[Any, str | None]:
    context = dg.build_sensor_context(cursor=cursor)
    return code.landing_folder(context), context.cursor


def test_sensor_starts_once_for_the_same_files(
    code: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run holds the warehouse: two for one delivery would delay the next."""
    monkeypatch.setenv("LANDING", str(tmp_path))
    (tmp_path / "a.csv").write_text(HEADER)
    first, cursor = look(code, None)
    second, cursor = look(code, cursor)
    third, _ = look(code, cursor)
    assert isinstance(first, dg.SkipReason)
    assert isinstance(second, dg.RunRequest)
    # Dagster starts no second run for a key, also if the cursor is lost.
    assert isinstance(third, dg.SkipReason)
    assert look(code, look(code, None)[1])[0].run_key == second.run_key
    assert second.run_config["ops"]["warehouse"]["config"]["landing"] == str(tmp_path)


def test_sensor_waits_for_a_file_that_grows(code: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file would be refused, or land as a file of its own."""
    monkeypatch.setenv("LANDING", str(tmp_path))
    cursor = None
    for part in (HEADER, GOOD_LINE):
        with (tmp_path / "a.csv").open("a") as file:
            file.write(part)
        answer, cursor = look(code, cursor)
        assert isinstance(answer, dg.SkipReason)
    complete, cursor = look(code, cursor)
    (tmp_path / "b.csv").write_text(HEADER)
    _, cursor = look(code, cursor)
    more, _ = look(code, cursor)
    assert isinstance(complete, dg.RunRequest)
    assert isinstance(more, dg.RunRequest)
    assert more.run_key != complete.run_key


@pytest.mark.parametrize("landing", ["", "gone", "empty"])
def test_sensor_says_why_it_does_nothing(
    code: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, landing: str
) -> None:
    """A sensor that fails on each look hides the one failure that matters."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("LANDING", str(tmp_path / landing) if landing else "")
    answer, _ = look(code, None)
    assert isinstance(answer, dg.SkipReason)
    assert answer.skip_message


def test_files_of_a_day_are_found_by_their_name(tmp_path: Path) -> None:
    """A backfill that lands the file of another day, or nothing, and succeeds, is worse than one that stops."""
    from orchestration.arrivals import files_of_day  # noqa: PLC0415  # after Dagster was found

    (tmp_path / "daily").mkdir()
    with pytest.raises(Refusal, match=r"no file of 2011-01-04: put daily/2011-01-04\.csv"):
        files_of_day(tmp_path, "2011-01-04")
    for name in ("2011-01-04.csv.gz", "2011-01-04.txt", "2011-01-041.csv", "2011-01-05.csv"):
        (tmp_path / "daily" / name).touch()
    assert files_of_day(tmp_path, "2011-01-04") == tmp_path / "daily" / "2011-01-04.csv.gz"
    (tmp_path / "2011-01-04").mkdir()
    with pytest.raises(Refusal, match=r"several files of 2011-01-04: 2011-01-04, daily/2011-01-04\.csv\.gz"):
        files_of_day(tmp_path, "2011-01-04")


# What starts by itself


def test_nothing_starts_before_it_is_switched_on(code: ModuleType) -> None:
    """Who looks at the page for the first time must not build by that."""
    for name in ("hourly", "daily"):
        schedule = code.defs.resolve_schedule_def(name)
        assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
        assert schedule.job_name == "build"
    assert code.landing_folder.default_status == dg.DefaultSensorStatus.STOPPED


def test_units_of_systemd_are_valid() -> None:
    """A unit with a slip is found out when the machine starts, and by nobody."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    units = sorted(SYSTEMD.glob("*.*"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units)], capture_output=True, text=True, check=False
    )
    # The folder and the user of the units are those of a machine that runs them.
    problems = [line for line in done.stderr.splitlines() if "not executable" not in line]
    assert not problems, done.stderr


def test_crontab_and_units_run_commands_that_exist() -> None:
    """A scheduler that calls a target that was renamed fails every night."""
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE))
    crontab = (PROJECT_ROOT / "orchestration" / "cron" / "retail-warehouse").read_text()
    lines = [line for line in crontab.splitlines() if line and not re.match(r"#|\w+=", line)]
    assert lines
    assert all(re.match(r"(?:[\d*/,-]+ ){5}\S", line) for line in lines)
    texts = [*lines, *(unit.read_text() for unit in SYSTEMD.glob("*.service"))]
    called = [re.findall(r"\bmake(?: -C \S+| -s)* ([a-z-]+)", text) for text in texts]
    assert all(called)
    assert {name for names in called for name in names} <= targets
