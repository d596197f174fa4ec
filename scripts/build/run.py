"""The command `make build`: hold the warehouse, decide what to land, land it, and run dbt."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
import psycopg
import yaml
from rich.console import Console

from scripts import connection, locks, revisions
from scripts.build import report
from scripts.build.clock import Clock
from scripts.build.log import Landing, Log
from scripts.dbt_tuning.interpreter import tune_interpreter
from scripts.errors import Refusal
from scripts.generate import sample
from scripts.governance.roles import apply as governing
from scripts.governance.roles.declaration import read_roles
from scripts.land import LandingReport, land
from scripts.land.files.discovery import Discovery, shown
from scripts.land.results import refusals
from scripts.privacy import keep_private
from scripts.warehouse import server

if TYPE_CHECKING:
    from scripts.build.dbt import Project

# The longest build of the benchmark, of ten times the data, takes a quarter of this time.
PATIENCE_SECONDS = 3600.0


def _mapping(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse variables that dbt could not read, before any file lands."""
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
@click.option(
    "--on-refused",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do if a file is refused: stop before the build, or build from the other files.",
)
@click.option("--vars", "variables", callback=_mapping, help="Other values of variables of dbt_project.yml, in YAML.")
@click.option(
    "--json",
    "times",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the start and end of each step, and dbt's id of the run, to this file, also if the build fails.",
)
def main(
    *, landing: Path | None, full_refresh: bool, on_refused: str, variables: str | None, times: Path | None
) -> None:
    """Land raw files, build the warehouse from them, and run all its checks.

    LANDING is a file or a folder of raw files. Without LANDING, the build works from the files that landed before. If
    no file has landed yet, it generates sample files in data/sample and lands them. DBT_TARGET names the warehouse, by
    default the embedded server.
    """
    keep_private()
    tune_interpreter()
    if landing is not None and not landing.exists():
        raise Refusal(f"{shown(landing)}: no such file or folder; give LANDING=path/to/files.")
    clock = Clock()
    loading = ThreadPoolExecutor(1, thread_name_prefix="dbt").submit(load_dbt, variables, clock)
    order = Order(landing, full_refresh=full_refresh, on_refused=on_refused, times=times)
    build(order, loading.result, clock)


@dataclass(frozen=True)
class Order:
    """What to land and build.

    Attributes:
        landing: a file or a folder of raw files; without it, the build works from the files that landed before.
        deliveries: the files of the folder to land; by default all of them.
        full_refresh: whether to build every model from scratch.
        on_refused: what to do if a file is refused: `stop` or `skip`.
        times: a file for the start and end of each step and dbt's id of the run, as JSON. It is written once dbt has
            run, also if checks failed, and without an id if refused files stopped the build.
    """

    landing: Path | None = None
    deliveries: Discovery | None = None
    full_refresh: bool = False
    on_refused: str = "stop"
    times: Path | None = None


class FilesRefused(Refusal):
    """Files were refused, so the build stopped before dbt. To repeat it is pointless: the files have to change."""


def build(order: Order, load: Callable[[], "Project"], clock: Clock) -> None:
    """Land raw files, build the warehouse from them, run all its checks, and report.

    Args:
        order: what to land and build.
        load: returns the parsed project; it may wait for it.
        clock: takes the times of the steps.

    Raises:
        Refusal: files were refused, or a step failed; it has been reported.
    """
    try:
        _build(order, load, clock)
    except FilesRefused:
        if order.times:
            _write_times(order.times, clock, None)
        raise


def _build(order: Order, load: Callable[[], "Project"], clock: Clock) -> None:
    console = Console(highlight=False)
    log = Log(console)
    clock.started = log.say
    landing, on_refused = order.landing, order.on_refused
    if connection.target_name() == "local":
        with clock.step("start the server"):
            server.ensure_running()
            server.refuse_standby()
    with alone(console) as session:
        if connection.target_name() == "local":
            with clock.step("check the roles"):
                _make_roles(console)
        with clock.step("find what to land"):
            landing = _to_land(console, log, session, landing, on_refused)
        refused: list[str] = []
        if landing is not None:
            with clock.step("land"):
                result = land(order.deliveries or [landing], connection.url(), progress=Landing(log))
            report.report_landing(console, landing, result)
            if connection.target_name() == "local":
                with closing(connection.connect(autocommit=True, operator=True)) as operator:
                    revisions.protect(operator)
            _refuse(landing, result, on_refused)
            refused = refusals(result.files)
        with clock.step("wait for dbt to load"):
            project = load()
        last, began = report.last_release(session), _server_time(session)
        with clock.step("build and test"):
            outcome = project.build(full_refresh=order.full_refresh, log=log)
        try:
            report.report_build(console, session, outcome, began)
        finally:
            report.report_release(console, last, report.last_release(session), report.end_of_log(session))
            report.report_refused(console, refused)
            if order.times:
                _write_times(order.times, clock, outcome.invocation_id)
    report.report_times(console, clock)
    report.report_next(console, outcome.steps)


def load_dbt(variables: str | None, clock: Clock) -> "Project":
    """Import dbt and parse the project. It takes seconds, so it runs in a thread beside other work.

    Args:
        variables: values of variables of dbt_project.yml, in YAML.
        clock: takes the times of the steps.
    """
    with clock.step("import dbt", beside=True):
        from scripts.build.dbt import Project  # noqa: PLC0415  # imports dbt, which takes two seconds
    with clock.step("parse the project", beside=True):
        return Project(variables)


def _write_times(path: Path, clock: Clock, invocation_id: str | None) -> None:
    """Write what programs need to follow a build: its times, and its id in `audit.runs`; None if it did not begin."""
    written = {"steps": clock.steps, "beside": clock.beside, "invocation_id": invocation_id}
    path.write_text(json.dumps(written, indent=2) + "\n")


def _make_roles(console: Console) -> None:
    """Let the server have the roles that roles.yml declares before anything is published, and report differences."""
    roles = read_roles()
    with closing(connection.connect(autocommit=True, name="scripts.roles", operator=True)) as session:
        if not governing.is_declared(session, roles):
            created = governing.apply(session, roles).created
            if created:
                console.print(f"Roles       created {', '.join(created)}")
        for role, difference, statement in governing.drift(session):
            console.print(f"            drift: {role} {difference}: {statement}", soft_wrap=True)


@contextmanager
def alone(console: Console) -> Iterator[psycopg.Connection]:
    """Hold the warehouse for this command. A build waits meanwhile.

    Args:
        console: where to say for whom this command waits.

    Yields:
        A session in autocommit mode.

    Raises:
        Refusal: another command holds the warehouse for too long.
    """
    with closing(connection.connect(autocommit=True, name="scripts.build")) as session:
        try:
            locks.take(
                session,
                locks.BUILD_LOCK,
                what="the build lock",
                patience=PATIENCE_SECONDS,
                say=lambda line: console.print(line, soft_wrap=True, markup=False),
                statement=locks.TRY_SESSION,
            )
        except psycopg.errors.LockNotAvailable as error:
            raise Refusal(f"{error}, and run this again.") from error
        yield session


def _to_land(
    console: Console, log: Log, session: psycopg.Connection, given: Path | None, on_refused: str
) -> Path | None:
    """Return what to land: the given files; else the sample, if no other file has landed; else nothing."""
    target = connection.target_name()
    if given:
        connection.refuse_to_land_for_developers()
    if given and (target != "local" or given.resolve() != sample.FOLDER):
        if target == "local" and sample.is_held(session):
            # Refuse bad files before the sample is deleted.
            _refuse(given, land([given], connection.url(), dry_run=True), on_refused)
            with closing(connection.connect(autocommit=True, name="scripts.build", operator=True)) as operator:
                sample.give_way(operator)
            console.print("Deleted     the made-up sample, which makes way for your files", soft_wrap=True)
        return given
    ledger = session.execute("select to_regclass('bronze.landed_files')").fetchone()
    landed = ledger != (None,) and session.execute("select from bronze.landed_files limit 1").rowcount
    if target == "local" and (not landed or sample.is_held(session)):
        sample.mark(session, held=True)
        return _sample(log)
    if not landed and target == "ci":
        return _sample(log)
    if not landed:
        raise Refusal(f"nothing has landed in target {target!r}: give LANDING=path/to/files.")
    console.print("Landed      nothing, as no LANDING was given: building from what is here", soft_wrap=True)
    return None


def _sample(log: Log) -> Path:
    if not sample.FOLDER.exists():
        log.say(f"generate sample files, {sample.ROWS:,} rows")
    return sample.make()


def _refuse(landing: Path, result: LandingReport, on_refused: str) -> None:
    """Stop the build if a file was refused. With `skip`, stop it only if all files were refused."""
    refused = result.of("refused")
    if refused and (on_refused == "stop" or len(refused) == len(result.files)):
        for line in refusals(refused):
            click.echo(f"Error: {line}", err=True)
        raise FilesRefused(
            f"{len(refused)} of {len(result.files)} files refused, so nothing was built: mend them, take them out of "
            f"{shown(landing)}, or build from the others with ON_REFUSED=skip."
        )


def _server_time(session: psycopg.Connection) -> datetime:
    """Return the time by the clock of the server, which also dates the rows of a build."""
    return cast("tuple[datetime]", session.execute("select clock_timestamp()").fetchone())[0]
