"""`make build`: server, landing, dbt, and what came of it."""

import gc
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
import psycopg
import yaml
from psycopg import sql
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scripts import connection
from scripts.dbt_tuning.kept import Kept, keep_schemas, keep_templates
from scripts.dbt_tuning.kept import file as kept_file
from scripts.dbt_tuning.shortcuts import convert_lazily, take_shortcuts
from scripts.errors import Refusal, said_in_one_line
from scripts.generate import sample
from scripts.land import LandingReport, land
from scripts.land.results import refusals
from scripts.paths import PROJECT_ROOT
from scripts.warehouse import server
from scripts.warehouse.settings import machine_cores

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

# Held by a build, whose steps would get in each other's way; any number that nothing else takes.
BUILD_LOCK = 0x6275_696C_6400
# What a model that sets rows aside is called: int_<what>_quarantined, silver.quarantined_<what>.
QUARANTINE = "_quarantined"
# The record of what was set aside: silver.quarantine_log.
RECORD = "int_quarantine_logged"
# The model that finds the sale of each cancelled line.
CANCELLATIONS = "int_cancellations_matched"
RELATIONS = ("model", "snapshot", "seed")
# What dbt is told whatever it does. Without a level of its own its log file would be left out as well.
LOG_LEVELS = ["--log-level", "none", "--log-level-file", "info"]
DBT_OPTIONS = [*LOG_LEVELS, "--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)]
FAILURES_TOLD = 10
# The one event below the level of the log that a build goes by: it moves the bar.
FOLLOWED = {"NodeFinished"}
# New objects after which Python looks for garbage, instead of 700. Of those that dbt makes, half a million in all, most
# last as long as the build, and looking through them again and again took a fifth of dbt's time.
OBJECTS_BEFORE_COLLECTION = 1_000_000
# Seconds for which a thread that computes keeps the others waiting, instead of 5 ms. The loader goes on with an answer
# of the server many hundred times while another thread loads dbt: beside one that computes all the time, landing 306
# files took 2.7 to 3.5 times as long as alone, and 1.1 to 1.9 times with this.
SWITCH_INTERVAL = 0.0005


@dataclass
class Clock:
    """When each step began and ended, in seconds since the epoch.

    Attributes:
        steps: one after the other.
        beside: what another thread did meanwhile.
    """

    steps: dict[str, tuple[float, float]] = field(default_factory=dict)
    beside: dict[str, tuple[float, float]] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, *, beside: bool = False) -> Iterator[None]:
        """Time a step."""
        began = time.time()
        yield
        (self.beside if beside else self.steps)[name] = (began, time.time())


def _mapping(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what dbt could not read, before anything lands."""
    try:
        is_mapping = value is None or isinstance(yaml.safe_load(value), dict)
    except yaml.YAMLError:
        is_mapping = False
    if not is_mapping:
        raise click.BadParameter("give names and values in YAML, such as '{offer_window_days: 10}'.")
    return value


@click.command()
@click.argument("landing", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--full-refresh", is_flag=True, help="Build every model from scratch (history is kept).")
@click.option("--vars", "variables", callback=_mapping, help="Other values of variables of dbt_project.yml, in YAML.")
@click.option(
    "--json",
    "times",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file when each step began and ended.",
)
def main(landing: Path | None, full_refresh: bool, variables: str | None, times: Path | None) -> None:
    """Land raw files and build the warehouse from them, with all its checks.

    LANDING is a file or a folder of raw files. Without it, the build works from what has landed before; where nothing
    has, sample files are made in data/sample and landed. The warehouse is the one that DBT_TARGET names, by default
    the embedded server.
    """
    console, clock = Console(highlight=False), Clock()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    sys.setswitchinterval(SWITCH_INTERVAL)
    if landing is not None and not landing.exists():
        raise Refusal(f"{landing}: no such file or folder; give LANDING=path/to/files.")
    # While the server starts and takes the files in, this process has time for dbt, whose import takes two seconds.
    options = [*DBT_OPTIONS, *(["--vars", variables] if variables else [])]
    kept = Kept(kept_file())
    manifest = ThreadPoolExecutor(1, thread_name_prefix="dbt").submit(load_dbt, options, clock, kept)
    if connection.target_name() == "local":
        with clock.step("start the server"):
            server.ensure_running()
    with _alone(console) as session:
        with clock.step("find what to land"):
            landing = _to_land(console, session, landing)
        if landing is not None:
            with clock.step("land"):
                report = land([landing], connection.url())
            _tell_landing(console, landing, report)
            _refuse(landing, report)
        with clock.step("wait for dbt to load"):
            manifest.exception()
        last, began = _last_release(session), _server_time(session)
        with clock.step("build and test"):
            steps, warnings = _dbt_build(manifest, [*options, *(["--full-refresh"] if full_refresh else [])])
            kept.write()
        for warning in warnings:
            console.print(f"Warning     {warning}", soft_wrap=True)
        try:
            _tell_build(console, steps, began)
        finally:
            _tell_release(console, session, last)
    _tell_steps(console, clock)
    _tell_next(console, steps)
    if times:
        times.write_text(json.dumps(asdict(clock), indent=2) + "\n")


@contextmanager
def _alone(console: Console) -> Iterator[psycopg.Connection]:
    """Hold the warehouse for one build; another that comes meanwhile waits."""
    with closing(connection.connect(autocommit=True)) as session:
        if session.execute("select pg_try_advisory_lock(%s)", [BUILD_LOCK]).fetchone() == (False,):
            console.print("Waiting     for another build of this warehouse")
            session.execute("select pg_advisory_lock(%s)", [BUILD_LOCK])
        yield session


def _to_land(console: Console, session: psycopg.Connection, given: Path | None) -> Path | None:
    """Decide what to land: what was given, else the sample where nothing else has landed, else nothing."""
    target = connection.target_name()
    if given:
        connection.refuse_to_land_for_developers()
    if given and (target != "local" or given.resolve() != sample.FOLDER):
        if target == "local" and sample.is_held(session):
            # Nothing is deleted for files that would be refused.
            _refuse(given, land([given], connection.url(), dry_run=True))
            sample.give_way(session)
            console.print("Deleted     the made-up sample, which makes way for your files", soft_wrap=True)
        return given
    ledger = session.execute("select to_regclass('bronze.landed_files')").fetchone()
    landed = ledger != (None,) and session.execute("select from bronze.landed_files limit 1").rowcount
    if target == "local" and (not landed or sample.is_held(session)):
        sample.mark(session, held=True)
        return sample.make()
    if not landed and target == "ci":
        return sample.make()
    if not landed:
        raise Refusal(f"nothing has landed in target {target!r}: give LANDING=path/to/files.")
    console.print("Landed      nothing, as no LANDING was given: building from what is here", soft_wrap=True)
    return None


def _tell_landing(console: Console, landing: Path, report: LandingReport) -> None:
    landed, skipped = report.of("landed"), report.of("skipped")
    rows, rejected = sum(file.rows_loaded for file in landed), sum(len(file.rejects) for file in landed)
    console.print(
        f"Landed      {len(landed):,} files with {rows:,} rows from {landing}, {rejected:,} rows rejected, "
        f"{len(skipped):,} files were here already",
        soft_wrap=True,
    )


def _refuse(landing: Path, report: LandingReport) -> None:
    """Refuse to go on without the files that were refused."""
    refused = report.of("refused")
    if refused:
        for line in refusals(refused):
            click.echo(f"Error: {line}", err=True)
        raise Refusal(
            f"{len(refused)} of {len(report.files)} files refused, so nothing was built: mend them or take them out of "
            f"{landing}, and run this again."
        )


@dataclass(frozen=True)
class Step:
    """What became of one node of the dbt project; of a check of several rules, which are broken, each with its rows."""

    kind: str
    name: str
    status: str
    message: str
    failures: int
    relation: tuple[str, str] | None
    broken_rules: str | None

    @classmethod
    def of(cls, result: "RunResult") -> "Step":
        """Read it from dbt's result."""
        node = result.node
        alias = getattr(node, "alias", None)
        message = " ".join((result.message or "").split())
        relation = (str(node.schema), alias) if alias and node.relation_name else None
        # as macros/materializations/test.sql says it
        response = result.adapter_response or {}
        broken_rules = str(response["_message"]) if response.get("code") == "BROKEN_RULES" else None
        return cls(
            str(node.resource_type),
            node.name,
            str(result.status),
            message,
            result.failures or 0,
            relation,
            broken_rules,
        )

    def complaint(self, before: int | None = None) -> str:
        """Say in one line what is wrong and where to look; of a check, also what it found before, if that is known."""
        if self.kind == "test" and self.status in ("fail", "warn"):
            look = f"select * from {'.'.join(self.relation)}" if self.relation else "see logs/dbt.log"
            rows = f"{self.failures:,} {'row' if self.failures == 1 else 'rows'}"
            trend = None if before is None else f"{before:,} in the run before"
            details = "; ".join(detail for detail in (self.broken_rules, trend) if detail)
            return f"check {self.name} found {rows}{f' ({details})' if details else ''}: {look}"
        return f"{self.kind} {self.name}: {self.message}"


def load_dbt(options: list[str], clock: Clock, kept: Kept | None = None) -> "Manifest | None":
    """Import dbt and parse the project.

    Args:
        options: where the project is and what else dbt is to be told, as on its command line.
        clock: told how long each took.
        kept: what dbt worked out in builds before; nothing to leave dbt as it is.

    Returns:
        The project as dbt knows it; nothing where that fails: the build will fail as well, and say why.
    """
    with clock.step("import dbt", beside=True):
        if kept:
            convert_lazily()
        # The first is for `_dbt_build`, which would wait for it; either takes seconds.
        from dbt.artifacts.schemas.run import RunExecutionResult  # noqa: F401, PLC0415
        from dbt.cli.main import dbtRunner  # noqa: PLC0415

        if kept:
            _tune_dbt(kept)
    with clock.step("parse the project", beside=True):
        # The build writes the manifest.
        parse = ["parse", "--no-write-json", *options]
        manifest = cast("Manifest | None", dbtRunner().invoke(parse).result)
        if manifest and _has_forgotten_checks(manifest):
            manifest = cast("Manifest | None", dbtRunner().invoke([*parse, "--no-partial-parse"]).result)
    return manifest


def _tune_dbt(kept: Kept) -> None:
    """Spare dbt what it would work out again, or for nobody, in all that this process has it do."""
    from scripts.dbt_tuning.events import tell_only  # noqa: PLC0415  # needs dbt
    from scripts.dbt_tuning.sessions import keep_sessions  # noqa: PLC0415  # needs dbt

    take_shortcuts()
    keep_templates(kept)
    keep_schemas(kept)
    tell_only(FOLLOWED)
    keep_sessions()


def _has_forgotten_checks(manifest: "Manifest") -> bool:
    """Return whether a singular test is without its YAML, which dbt's partial parsing loses when what it reads changes.

    Its severity is there: a check that only warns would fail the build, or the reverse. A test that is declared nowhere
    looks the same, and is then refused by the macro `check_of`.
    """
    from dbt.contracts.graph.nodes import SingularTestNode  # noqa: PLC0415  # imported by `load_dbt`

    return any(isinstance(node, SingularTestNode) and not node.patch_path for node in manifest.nodes.values())


def _dbt_build(manifest: "Future[Manifest | None]", options: list[str]) -> tuple[list[Step], list[str]]:
    """Run `dbt build` in this process; refuse when dbt cannot even begin.

    Returns:
        What became of each node, and what the project's own macros warn of.
    """
    from dbt.artifacts.schemas.run import RunExecutionResult  # noqa: PLC0415  # imported by `load_dbt`
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # imported by `load_dbt`

    # Unit tests prove the models, not the data: they belong to `make test`.
    arguments = ["build", *options, "--exclude-resource-type", "unit_test"]
    os.environ.setdefault("DBT_GIT_COMMIT", _git_commit())
    if "DBT_THREADS" not in os.environ:
        # At any time about half of them wait for the server, which works on the same processors.
        arguments += ["--threads", str(2 * machine_cores())]
    console = Console(stderr=True)
    warnings: list[str] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("build and test", total=None)

        def follow(event: "EventMsg") -> None:
            if event.info.name == "LogStartLine":
                progress.update(task, total=event.data.total, description=event.data.description[:60])
            elif event.info.name == "NodeFinished":
                progress.advance(task)
            elif event.info.name == "JinjaLogWarning":
                warnings.append(event.data.msg)

        outcome = dbtRunner(manifest=manifest.result(), callbacks=[follow]).invoke(arguments)
    if not isinstance(outcome.result, RunExecutionResult):
        reason = said_in_one_line(str(outcome.exception or ""))
        if not reason:
            raise Refusal("the build was interrupted: run it again, it begins where that makes sense.")
        raise Refusal(f"dbt could not build: {reason}. Mend the cause, if there is one to mend, and run this again.")
    return [Step.of(result) for result in outcome.result.results], warnings


def _git_commit() -> str:
    """Return the commit that is checked out, marked where files differ from it; nothing where git does not know."""
    command = ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _server_time(session: psycopg.Connection) -> datetime:
    """Return the time by the clock that dates what is built."""
    return cast("tuple[datetime]", session.execute("select clock_timestamp()").fetchone())[0]


def _tell_build(console: Console, steps: list[Step], began: datetime) -> None:
    kinds = Counter(step.kind for step in steps if step.status == "success")
    for step in steps:
        if step.name.endswith(QUARANTINE) and step.kind == "model" and step.status == "success" and step.relation:
            _tell_quarantine(console, step.relation)
        if step.name == RECORD and step.status in ("success", "no-op") and step.relation:
            _tell_releases(console, step.relation, began)
        if step.name == CANCELLATIONS and step.status == "success" and step.relation:
            _tell_cancellations(console, step.relation)
    counts = f"{kinds['model']} models, {kinds['snapshot']} snapshots, {kinds['seed']} seeds"
    console.print(f"Built       {sum(kinds[kind] for kind in RELATIONS)} relations ({counts})", soft_wrap=True)
    checks = Counter(step.status for step in steps if step.kind == "test")
    console.print(f"Checks      {checks['pass']} of {checks.total()} passed", soft_wrap=True)
    warned = [step for step in steps if step.status == "warn"]
    before = found_before(warned)
    for step in warned:
        console.print(f"            warning: {step.complaint(before.get(step.name))}", soft_wrap=True)
    failed = [step for step in steps if step.status in ("error", "fail")]
    if failed:
        for step in failed[:FAILURES_TOLD]:
            click.echo(f"Error: {step.complaint()}", err=True)
        more = f"; {len(failed) - FAILURES_TOLD} more are in logs/dbt.log" if len(failed) > FAILURES_TOLD else ""
        raise Refusal(f"{len(failed)} of {len(steps)} steps failed{more}. Mend the cause and run this again.")


def found_before(checks: list[Step]) -> dict[str, int]:
    """Return how many rows checks found before, where that is on record.

    Args:
        checks: those to tell of.

    Returns:
        The number of rows of each in the last run before this one that asked it, by its name.
    """
    from dbt_common.invocation import get_invocation_id  # noqa: PLC0415  # imported by `load_dbt`

    if not checks:
        return {}
    query = sql.SQL(
        """
        select distinct on (name) name, failures
        from {}
        where name = any(%s) and resource_type = 'test' and status in ('pass', 'warn', 'fail') and invocation_id <> %s
        order by name, started_at desc
        """
    )
    results = (connection.audit_schema(), "node_results")
    with connection.connect() as session:
        if session.execute("select to_regclass(%s)", [".".join(results)]).fetchone() == (None,):
            return {}
        named = [[check.name for check in checks], get_invocation_id()]
        return {name: rows or 0 for name, rows in session.execute(query.format(sql.Identifier(*results)), named)}


def _tell_quarantine(console: Console, relation: tuple[str, str]) -> None:
    query = sql.SQL("select quarantine_reasons, count(*) from {} group by 1 order by 2 desc, 1")
    with connection.connect() as session:
        reasons: list[tuple[str, int]] = session.execute(query.format(sql.Identifier(*relation))).fetchall()
    total = sum(lines for _, lines in reasons)
    each = ", ".join(f"{lines:,} {reason.replace(', ', ' + ')}" for reason, lines in reasons)
    detail = f", see {'.'.join(relation)}: {each}"
    what = relation[1].removeprefix("quarantined_")
    console.print(f"Quarantined {total:,} {what}{detail if total else ''}", soft_wrap=True)


def _tell_releases(console: Console, relation: tuple[str, str], began: datetime) -> None:
    query = sql.SQL("select release_kind, count(*) from {} where released_at >= %s group by 1 order by 2 desc, 1")
    with connection.connect() as session:
        kinds: list[tuple[str, int]] = session.execute(query.format(sql.Identifier(*relation)), [began]).fetchall()
    if kinds:
        each = ", ".join(f"{count:,} {kind}" for kind, count in kinds)
        total = sum(count for _, count in kinds)
        lines = f"{total:,} {'line' if total == 1 else 'lines'}"
        console.print(f"Released    {lines}, see {'.'.join(relation)}: {each}", soft_wrap=True)


def _tell_cancellations(console: Console, relation: tuple[str, str]) -> None:
    query = sql.SQL(
        """
        select
            count(*) filter (where match_type <> 'none'),
            count(*),
            coalesce(sum(amount) filter (where match_type <> 'none'), 0),
            coalesce(sum(amount), 0)
        from {}
        """
    )
    with connection.connect() as session:
        found: tuple[int, int, Decimal, Decimal] | None = session.execute(
            query.format(sql.Identifier(*relation))
        ).fetchone()
    if found and found[1] and found[3]:
        matched, lines, matched_amount, amount = found
        shares = f"{100 * matched / lines:.1f} %, {100 * matched_amount / amount:.1f} % of the money"
        console.print(
            f"Cancelled   {matched:,} of {lines:,} lines matched to the sale they cancel ({shares})", soft_wrap=True
        )


def _last_release(session: psycopg.Connection) -> tuple[int, str, int] | None:
    """Return the number of what is served, since when it is, and how many relations it changed."""
    schema = sql.Identifier(connection.audit_schema())
    if session.execute("select to_regclass(%s)", [f"{connection.audit_schema()}.releases"]).fetchone() == (None,):
        return None
    return session.execute(
        sql.SQL(
            """
            select release_id, to_char(published_at, 'YYYY-MM-DD HH24:MI:SS TZ'), cardinality(changed_models)
            from {}.releases
            order by release_id desc
            limit 1
            """
        ).format(schema)
    ).fetchone()


def _tell_release(console: Console, session: psycopg.Connection, last: tuple[int, str, int] | None) -> None:
    found = _last_release(session)
    if found and found != last:
        console.print(f"Published   {found[2]} relations of gold, as release {found[0]}", soft_wrap=True)
    elif found:
        console.print(f"Published   nothing: release {found[0]} of {found[1]} is still served", soft_wrap=True)
    else:
        console.print("Published   nothing, and nothing was before", soft_wrap=True)


def _tell_steps(console: Console, clock: Clock) -> None:
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column("step")
    table.add_column("seconds", justify="right")
    seconds = {step: ended - began for step, (began, ended) in clock.steps.items()}
    for step, took in seconds.items():
        table.add_row(f"  {step}", f"{took:.1f} s")
    table.add_row("  all", f"{sum(seconds.values()):.1f} s")
    console.print("Time")
    console.print(table)


def _tell_next(console: Console, steps: list[Step]) -> None:
    daily_sales = next((step.relation for step in steps if step.name == "daily_sales" and step.relation), ("gold", "?"))
    console.print(
        f"Next        make psql           query the star schema, e.g. select * from {'.'.join(daily_sales)} limit 5\n"
        "            make docs           browse models, columns and lineage\n"
        "            make build LANDING=path/to/your/files",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main(prog_name="python -m scripts.build")
