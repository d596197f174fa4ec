"""Gold is published whole, when all checks have passed: what docs/publishing.md promises to whoever reads it."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from conftest import Database
from small_project import SmallProject

from scripts.paths import PROJECT_ROOT

# How many releases a reader polls through; set it higher for a night.
RELEASES = int(os.environ.get("RELEASES", "8"))
MACROS = ("delta", "materializations", "operations", "publishing", "generate_schema_name.sql")
# Of the project's own, this one names a model of it.
LANDED = """
{% macro landed_so_far() %}
select count(*) as files, 1 as last_file_id, null::timestamptz as last_landed_at from raw.state
{% endmacro %}
"""

SOURCE = """
create schema raw;
create table raw.state (version integer, delay double precision);
insert into raw.state values (1, 0);
create table raw.months (month date, is_touched boolean);
insert into raw.months values ('2011-01-01', true), ('2011-02-01', false), ('2011-03-01', true);
create function raw.version() returns integer language sql stable as 'select version from raw.state';
create function raw.sleep() returns boolean language sql as
    'select pg_sleep(delay) is not null from raw.state';
create schema outside;
"""

MODELS = {
    # Small, compared whole; a row that stays, one that changes, and one that comes and goes.
    "summary": """
        {{ config(materialized='incremental', incremental_strategy='keyed', unique_key='id', changes=['id']) }}
        select 1 as id, raw.version() as version
        union all select 2, 0
        union all select 10 + raw.version(), raw.version() where raw.sleep()
    """,
    # Months, of which two are touched each time.
    "facts": """
        {{ config(
            materialized='incremental', incremental_strategy='partitioned',
            partition_by={'field': 'day', 'granularity': 'month'},
            partitions='select month, is_touched from raw.months',
        ) }}
        with days as (select month + 1 as day from raw.months where {{ in_partition('month') }})
        select day, raw.version() as version from days
    """,
    # Reads what is about to be published, not what is.
    "total": """
        {{ config(materialized='incremental', incremental_strategy='keyed', unique_key='id') }}
        select 1 as id, max(facts.version) as version, max(summary.version) as summary_version
        from {{ ref('facts') }} as facts cross join {{ ref('summary') }} as summary
    """,
    # Computed when it is asked for.
    "shown": """
        {{ config(materialized='incremental', incremental_strategy='derived') }}
        select id, summary_version as version from {{ ref('total') }}
    """,
}
CHECK = "select * from {{ ref('total') }} where version <> summary_version or version < 0"

# Asks in one transaction what each table says, again and again, until its input ends; then tells what it met.
READER = """
import json, select, sys
import psycopg
answers, errors = [], []
with psycopg.connect(sys.argv[1]) as session:
    print("reading", flush=True)
    while not select.select([sys.stdin], [], [], 0.002)[0]:
        try:
            with session.transaction():
                answer = [
                    session.execute(f"select max(version) from gold.{name}").fetchone()[0]
                    for name in ("summary", "shown", "facts", "total")
                ]
        except psycopg.Error as error:
            errors.append(str(error))
        else:
            answers.append(answer)
print(json.dumps([answers, errors]))
"""


class Store(SmallProject):
    """A store that publishes as this project does.

    Attributes:
        errors: all that went wrong in the last command.
    """

    def dbt(self, *arguments: str) -> bool:
        """Run a command of dbt; return whether it succeeded."""
        outcome = self.invoke(*arguments)
        if outcome.exception:
            self.errors.append(" ".join(str(outcome.exception).split()))
        for result in getattr(outcome.result, "results", []):
            if str(result.status) in ("error", "fail"):
                self.errors.append(" ".join((result.message or "").split()))
        return bool(outcome.success)

    def build(self, version: int, *options: str) -> bool:
        """Let the source say a version, and build from it."""
        self.ask(f"update raw.state set version = {version}")
        return self.dbt("build", *options)

    def served(self) -> dict[str, list[tuple]]:
        """Return all rows that readers see."""
        return {name: self.ask(f"select * from gold.{name} order by 1, 2") for name in MODELS}


@pytest.fixture(scope="module")
def project() -> Iterator[Store]:
    """Write a project of this project's macros, parsed once."""
    with TemporaryDirectory(prefix="retail-") as parent:
        configuration = {
            "name": "store",
            "vars": {"swap_patience_seconds": 1},
            "models": {"+schema": "gold", "+on_schema_change": "fail"},
            "data_tests": {"+schema": "audit", "+store_failures": True},
            "on-run-start": ["{{ begin_run() }}", "{{ begin_build() }}", "{{ begin_candidate() }}"],
            "on-run-end": ["{{ record_run(results) }}", "{{ end_build(results) }}", "{{ end_run(results) }}"],
        }
        store = Store(Path(parent) / "store", configuration)
        for name in MACROS:
            path = PROJECT_ROOT / "macros" / name
            (shutil.copytree if path.is_dir() else shutil.copy)(path, store.folder / "macros" / name)
        (store.folder / "macros" / "publishing" / "landed_so_far.sql").write_text(LANDED)
        (store.folder / "tests" / "versions_agree.sql").write_text(CHECK)
        yield store


@pytest.fixture
def store(project: Store, working: Database) -> Store:
    """Publish version 1 in a new database."""
    for name, text in MODELS.items():
        project.model(name, text)
    project.database = working
    project.ask(SOURCE)
    assert project.build(1), project.errors
    return project


def test_what_passes_is_published(store: Store) -> None:
    """All of gold is of one build, and the log says which, from what, and what looked at it."""
    assert store.build(2), store.errors
    assert store.served() == {
        "summary": [(1, 2), (2, 0), (12, 2)],
        "facts": [
            (day, version)
            for day, version in store.ask(
                "select month + 1, case when is_touched then 2 else 1 end from raw.months order by 1"
            )
        ],
        "total": [(1, 2, 2)],
        "shown": [(1, 2)],
    }
    assert store.ask("select kind, files, checks_passed from audit.releases order by release_id") == [
        ("publish", 1, ["versions_agree"]),
        ("publish", 1, ["versions_agree"]),
    ]


@pytest.mark.parametrize("options", [[], ["--full-refresh"]], ids=["delta", "full"])
def test_failing_check_keeps_what_is_served(store: Store, options: list[str]) -> None:
    """Found after all was built, a fault must not have reached anybody; mended, all of it comes."""
    before = store.served()
    assert not store.build(-1, *options)
    assert store.said[-1].startswith("Not published: versions_agree failed. What was published on ")
    assert store.served() == before
    assert store.build(3), store.errors
    assert store.served()["summary"] == [(1, 3), (2, 0), (13, 3)]
    assert store.served()["total"] == [(1, 3, 3)]


def test_delta_is_what_a_build_from_scratch_makes(store: Store) -> None:
    """What is published in pieces has to be what would be published at once, also after builds that failed."""
    for version in (2, -1, 3, -2, 4):
        store.build(version)
    store.ask("update raw.months set is_touched = true")
    assert store.build(5), store.errors
    delta = store.served()
    assert store.build(5, "--full-refresh"), store.errors
    assert store.served() == delta


@pytest.mark.parametrize("options", [[], ["--full-refresh"]], ids=["delta", "full"])
def test_views_of_others_follow(store: Store, options: list[str]) -> None:
    """PostgreSQL binds a view to an object, not to a name: what others built on gold neither goes nor stays behind."""
    store.ask("create view outside.report as select version from gold.total")
    store.ask("create view outside.months as select day, version from gold.facts")
    store.ask("grant select on gold.total to public")
    for version in (2, 3):
        assert store.build(version, *options), store.errors
        assert store.ask("select * from outside.report") == [(version,)]
        assert store.ask("select max(version) from outside.months") == [(version,)]
    assert store.dbt("run-operation", "rollback"), store.errors
    assert store.ask("select * from outside.report") == [(2,)]
    assert store.ask("select has_table_privilege('public', 'gold.total', 'select')") == [(True,)]


def test_column_more_leaves_views_of_others(store: Store) -> None:
    """A model that says more takes nothing away from anybody."""
    store.ask("create view outside.report as select version from gold.total")
    store.model(
        "total",
        MODELS["total"]
        .replace("1 as id,", "1 as id, ")
        .replace(" as summary_version", " as summary_version, true as is_new"),
    )
    assert store.build(2), store.errors
    assert store.ask("select version, is_new from gold.total") == [(2, True)]
    assert store.ask("select * from outside.report") == [(2,)]


def test_column_less_is_refused_while_a_view_of_others_reads_it(store: Store) -> None:
    """Dropped in silence, a consumer's view would be missed on Monday morning; the message says whose it is."""
    store.ask("create view outside.report as select version from gold.total")
    before = store.served()
    store.model(
        "total",
        MODELS["total"]
        .replace("max(facts.version) as version, ", "max(facts.version) as newest, ")
        .replace("1 as id", "1 as number, 1 as id"),
    )
    (store.folder / "tests" / "versions_agree.sql").write_text("select * from {{ ref('total') }} where id < 0")
    try:
        assert not store.build(2)
        assert "outside.report reads it" in " ".join(store.errors)
        assert store.served() == before
        store.ask("drop view outside.report")
        assert store.dbt("run-operation", "publish"), store.errors
        assert store.ask("select newest from gold.total") == [(2,)]
        assert store.served()["shown"] == [(1, 2)]
        assert store.dbt("run-operation", "rollback"), store.errors
        assert store.served() == before
    finally:
        (store.folder / "tests" / "versions_agree.sql").write_text(CHECK)


def test_readers_meet_neither_errors_nor_mixtures(store: Store) -> None:
    """In one transaction, all of gold is of one release, however often that changes meanwhile."""
    with subprocess.Popen(
        [sys.executable, "-c", READER, store.database.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "reading\n"
        patience = ["--vars", "swap_patience_seconds: 60"]
        for version in range(2, 2 + RELEASES):
            assert store.build(version, *patience, *(["--full-refresh"] if version % 3 == 0 else [])), store.errors
            if version == 5:
                assert store.dbt("run-operation", "rollback", *patience), store.errors
        answers, errors = json.loads(reader.communicate("\n")[0])
    assert not errors
    assert {tuple(answer) for answer in answers if len(set(answer)) > 1} == set()
    assert {answer[0] for answer in answers} == set(range(1, 2 + RELEASES))


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_reader_who_holds_on_is_waited_for_and_named(store: Store, isolation: str) -> None:
    """A long transaction sees one state from first to last; the build says who it waits for, and gives up."""
    with psycopg.connect(store.database.url, application_name="month end report") as session:
        session.execute(f"set transaction isolation level {isolation}")
        assert session.execute("select version from gold.total").fetchall() == [(1,)]
        assert not store.build(2)
        assert "gold could not be changed within 1 s, as it is in use by process" in " ".join(store.errors)
        assert "month end report" in " ".join(store.errors)
        assert session.execute("select max(version) from gold.facts").fetchall() == [(1,)]
        assert session.execute("select max(version) from gold.summary").fetchall() == [(1,)]
    assert store.dbt("run-operation", "publish"), store.errors
    assert store.ask("select version, summary_version from gold.total") == [(2, 2)]


def test_snapshot_from_before_the_build_is_waited_for(store: Store) -> None:
    """Whoever took a snapshot before, and has read nothing of gold yet, would find what is swapped in to be empty."""
    with psycopg.connect(store.database.url) as session:
        session.execute("set transaction isolation level repeatable read")
        session.execute("select 1")
        assert not store.build(2)
        assert session.execute("select max(version), count(*) from gold.facts").fetchall() == [(1, 3)]
    assert store.dbt("run-operation", "publish"), store.errors


@pytest.mark.parametrize("options", [[], ["--full-refresh"]], ids=["delta", "full"])
def test_rollback_serves_what_was_before(store: Store, options: list[str]) -> None:
    """What passed all checks may still be wrong: the way back needs no build, and the way forward is open."""
    assert store.build(2), store.errors
    before = store.served()
    assert store.build(3, *options), store.errors
    after = store.served()
    assert store.dbt("run-operation", "rollback"), store.errors
    assert "(a rollback of 3) is served since" in store.said[0]
    assert store.served() == before
    assert store.dbt("test"), store.errors
    assert store.build(3), store.errors
    assert store.served()["summary"] == after["summary"]
    assert store.served()["total"] == after["total"]


def test_table_that_becomes_a_view_can_come_back(store: Store) -> None:
    """What is kept for a rollback has to be what was served, also where a model is no table any more."""
    config = "materialized='incremental', incremental_strategy='keyed', unique_key='id'"
    store.model("shown", MODELS["shown"].replace("materialized='incremental', incremental_strategy='derived'", config))
    assert store.build(2), store.errors
    before = store.served()
    store.ask("create view outside.report as select version from gold.shown")
    store.model("shown", MODELS["shown"])
    assert store.build(3), store.errors
    assert store.served()["shown"] == [(1, 3)]
    assert store.dbt("run-operation", "rollback"), store.errors
    assert store.served() == before
    for version in (4, 5):
        assert store.build(version), store.errors
        assert store.served()["shown"] == [(1, version)]
        assert store.ask("select * from outside.report") == [(version,)]
    tables = "relkind = 'r' and relnamespace = 'gold_tables'::regnamespace"
    assert store.ask(f"select relname from pg_class where {tables} and relname ~ '^shown'") == []


def test_definition_of_a_view_can_come_back(store: Store) -> None:
    """A view holds no rows that could be kept: what it was has to be."""
    before = store.served()
    store.model("shown", MODELS["shown"].replace("summary_version", "10 * summary_version"))
    assert store.build(1), store.errors
    assert store.served()["shown"] == [(1, 10)]
    assert store.dbt("run-operation", "rollback"), store.errors
    assert store.served() == before


def test_checks_look_at_a_view_before_it_is_published(store: Store) -> None:
    """It reads what is about to be published while it is audited, and what is published afterwards."""
    before = store.served()
    (store.folder / "tests" / "versions_agree.sql").write_text("select * from {{ ref('shown') }} where version = 2")
    try:
        assert not store.build(2)
        assert store.served() == before
        assert store.dbt("run", "--select", "summary"), store.errors
        assert store.dbt("test"), store.errors
        assert store.build(3), store.errors
        assert store.dbt("test"), store.errors
        assert store.served()["shown"] == [(1, 3)]
    finally:
        (store.folder / "tests" / "versions_agree.sql").write_text(CHECK)


def test_rollback_with_nothing_behind_it_is_refused(store: Store) -> None:
    """One state is kept. To end up with none, or with half of one, would be worse than to stay."""
    before = store.served()
    assert not store.dbt("run-operation", "rollback")
    assert "what is served is the first that was published; nothing was changed" in store.errors[0]
    store.build(2)
    assert store.dbt("run-operation", "rollback"), store.errors
    assert not store.dbt("run-operation", "rollback")
    assert "the state before the one that is served is not kept; nothing was changed" in store.errors[0]
    assert store.served() == before


def test_publish_without_a_build_is_refused(store: Store) -> None:
    """There is nothing wrong then, and nothing to do; the message says what would be."""
    assert not store.dbt("run-operation", "publish")
    assert "there is nothing to publish: run `dbt build` first" in store.errors[0]


def test_publish_of_what_checks_have_not_seen_is_refused(store: Store) -> None:
    """`dbt run` leaves checks out; its candidate waits for `dbt test`."""
    store.ask("update raw.state set version = 2")
    assert store.dbt("run"), store.errors
    assert not store.dbt("run-operation", "publish")
    assert "not all checks have passed" in store.errors[0]
    assert store.dbt("test"), store.errors
    assert store.ask("select version from gold.total") == [(1,)]
    assert store.dbt("run-operation", "publish"), store.errors
    assert store.ask("select version from gold.total") == [(2,)]


def test_candidate_of_other_code_is_refused(store: Store) -> None:
    """What is checked out now is what a reviewer saw; what was built from something else is not."""
    store.ask("update raw.state set version = 2")
    assert store.dbt("run"), store.errors
    assert store.dbt("test"), store.errors
    store.model("total", MODELS["total"] + "\n-- another")
    assert not store.dbt("run-operation", "publish")
    assert "was built by other code than this" in store.errors[0]
    assert store.ask("select version from gold.total") == [(1,)]


def test_part_of_the_models_is_published_when_their_checks_passed(store: Store) -> None:
    """Whoever mends one mart need not build all, and what else changed comes with the next build."""
    store.ask("update raw.state set version = 2")
    store.model("total", MODELS["total"].replace("as summary_version", "as summary_version, 'mended' as state"))
    assert store.dbt("build", "--select", "total"), store.errors
    assert store.ask("select version, state from gold.total") == [(1, "mended")], store.said
    assert store.build(2), store.errors
    assert store.ask("select version, state from gold.total") == [(2, "mended")]


def test_build_that_another_overtakes_gives_way(store: Store) -> None:
    """Two builds at once would publish each other's halves."""
    store.ask("update raw.state set version = 2, delay = 10")
    with store.dbt_apart("build") as first:
        while not store.ask(
            "select pid from pg_stat_activity where wait_event = 'PgSleep' and pid <> pg_backend_pid()"
        ):
            assert first.poll() is None
            time.sleep(0.05)
        store.ask("update raw.state set delay = 0")
        # the first still holds what it read when it fell asleep
        assert store.build(3, "--vars", "swap_patience_seconds: 30"), store.errors
        assert first.wait(timeout=60) != 0
    assert store.ask("select version, summary_version from gold.total") == [(3, 3)]
    assert store.build(4), store.errors


def test_kill_at_any_moment_leaves_a_whole_state(store: Store) -> None:
    """Old or new, and the next build does what is left to do; nothing of the killed one stays behind."""
    chance = random.Random(5)
    served = 1
    for version in range(2, 10):
        store.ask(f"update raw.state set version = {version}")
        with store.dbt_apart("build", *(["--full-refresh"] if version % 2 else [])) as process:
            while process.poll() is None and not store.ask(
                "select invocation_id from audit.candidate where begun_at > clock_timestamp() - interval '1 second'"
            ):
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 1.2))
        versions = {
            store.ask("select max(version) from gold.summary")[0][0],
            store.ask("select max(version) from gold.facts")[0][0],
            *store.ask("select version, summary_version from gold.total")[0],
        }
        assert versions in ({served}, {version})
        served = versions.pop()
    assert store.build(10), store.errors
    assert store.served()["summary"] == [(1, 10), (2, 0), (20, 10)]
    left = store.ask(
        """
        select relname
        from pg_class
        where
            relnamespace in ('gold_tables'::regnamespace, 'gold_partitions'::regnamespace)
            and relkind in ('r', 'p')
            and relname ~ '__(new|gone|added|staged)$'
        """
    )
    assert not left
