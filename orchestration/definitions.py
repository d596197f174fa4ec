"""The definitions that Dagster loads: `make dagster`, or `dagster dev -m orchestration.definitions`.

A build stays one operation around `scripts.build`: landing, models, checks and release belong together. Models that run
one by one would bypass the candidate, which is published as a whole after its checks.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from orchestration import arrivals, commands
from orchestration.graph import DAILY_FILES, Graph, calendar_begins
from orchestration.recorded import Build, Result, read_build, read_release
from scripts import artifacts
from scripts.errors import Refusal

# The environment variable that names the landing folder, as `make` calls it.
LANDING = "LANDING"
# A build may fail because a server restarts or a network drive is away. To repeat it is safe: the ledger lands a file
# exactly once, and a release is one transaction, so the repetition goes on where the first attempt stopped. A build
# whose checks failed, or whose files were refused, is not repeated: the same rows and files fail again.
RETRY = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL)
# How often the sensor looks. A file counts as complete if it is the same in two looks.
LOOK_EVERY_SECONDS = 30
# In the cursor of the sensor, before the state of the files for which a run was started.
STARTED = "started "
BUILT = ("success", "no-op")
ASKED = ("pass", "warn", "fail", "error")

Metadata = dict[str, int | float | str]
Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.AssetObservation
Output = dg.MaterializeResult[None] | dg.AssetCheckResult | dg.AssetObservation

graph = Graph(artifacts.parsed())


class BuildConfig(dg.Config):
    """How to build.

    Attributes:
        landing: a file or folder to land; by default the environment variable LANDING. Without both, the build works
            from the files that landed before.
        on_refused: what to do if a file is refused: `stop` or `skip`.
        full_refresh: whether to build every model from scratch.
    """

    landing: str = ""
    on_refused: str = "stop"
    full_refresh: bool = False


def build_events(context: dg.AssetExecutionContext, config: BuildConfig, landing: Path | None) -> Iterator[Event]:
    """Build, and yield what the schema `audit` recorded of it.

    Args:
        context: takes the lines that the build prints.
        config: how to build.
        landing: what to land.

    Raises:
        Failure: the build failed. If checks failed or files were refused, it allows no retry.
    """
    answer = commands.build(context.log.info, landing, on_refused=config.on_refused, full_refresh=config.full_refresh)
    if answer.invocation_id is None:
        raise dg.Failure(_description(answer), allow_retries=answer.may_retry)
    build = read_build(answer.invocation_id)
    unknown = {result.unique_id for result in build.results if result.resource_type == "test"} - graph.checks.keys()
    if unknown:
        context.log.warning(f"not in the manifest, load the definitions again: {', '.join(sorted(unknown))}")
    yield from _observed(build)
    # Dagster relates a check to the materialization before it.
    if build.published or answer.code == 0:
        yield from _materialized(build)
    yield from _checked(build)
    if answer.code:
        raise dg.Failure(_description(answer), metadata=_of_release(build), allow_retries=build.status != "fail")


def _checked(build: Build) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the results of the checks. A check that was skipped has no result: a model before it failed."""
    for result in build.results:
        if result.unique_id not in graph.checks or result.status not in ASKED:
            continue
        key = graph.check_key(result.unique_id)
        warns = result.status == "warn" or graph.is_warning(result.unique_id)
        found: Metadata = {"rows found": result.failures or 0, "seconds": result.seconds or 0.0}
        said = {"message": result.message, "broken rules": build.broken_rules.get(result.name)}
        yield dg.AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=result.status == "pass",
            severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
            metadata=found | {name: text for name, text in said.items() if text},
        )


def _materialized(build: Build) -> Iterator[dg.AssetMaterialization]:
    """Yield the relations that were built. An ephemeral model is part of the models that read it, and has no result."""
    results = {result.unique_id: result for result in build.results}
    for unique_id, node in graph.relations.items():
        result = results.get(unique_id)
        if result is None and node["config"]["materialized"] != "ephemeral":
            continue
        if result and result.status not in BUILT:
            continue
        rows = build.rows.get((node["schema"], node.get("alias") or node["name"]))
        yield dg.AssetMaterialization(
            graph.key(unique_id), metadata=_of_release(build) | _of_node(result) | _of_rows(rows)
        )


def _observed(build: Build) -> Iterator[dg.AssetObservation]:
    """Yield how many rows have landed in each source."""
    for unique_id, source in graph.sources.items():
        rows = build.rows.get((source["schema"], source["identifier"]))
        yield dg.AssetObservation(graph.key(unique_id), metadata=_of_rows(rows))


def _of_release(build: Build) -> Metadata:
    return {"release": build.release["release_id"]} if build.release else {"release": "none yet"}


def _of_node(result: Result | None) -> Metadata:
    if result is None:
        return {}
    return {"seconds": result.seconds or 0.0, "message": result.message or ""}


def _of_rows(rows: int | None) -> Metadata:
    return {} if rows is None else {"dagster/row_count": rows}


def _description(answer: commands.Answer) -> str:
    return "\n".join(answer.problems) or f"the command ended with exit code {answer.code}; its output is in the log"


def _folder(config: BuildConfig) -> Path | None:
    given = config.landing or os.environ.get(LANDING)
    return Path(given) if given else None


@dg.multi_asset(
    name="warehouse",
    specs=graph.asset_specs(),
    check_specs=graph.check_specs(),
    retry_policy=RETRY,
    description="Land, build, check and publish: `make build`.",
)
def warehouse(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Output]:
    """Land, build, check and publish the whole warehouse."""
    yield from map(_as_output, build_events(context, config, _folder(config)))


@dg.multi_asset(
    name="daily_files",
    specs=[
        dg.AssetSpec(
            DAILY_FILES,
            partitions_def=dg.DailyPartitionsDefinition(start_date=calendar_begins()),
            group_name="landing",
            description="The files of a day: landed, with a build of all that they touch.",
        )
    ],
    retry_policy=RETRY,
)
def daily_files(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Event | dg.MaterializeResult[None]]:
    """Land the files of one day, and build.

    The assets of the warehouse have no partitions, so this asset yields their events beside its own.
    """
    folder = _folder(config)
    try:
        if folder is None:
            raise Refusal(f"no landing folder: set {LANDING}, or `landing` in the configuration of the run.")
        landing = arrivals.files_of_day(folder, context.partition_key)
    except Refusal as refusal:
        raise dg.Failure(refusal.message, allow_retries=False) from None
    yield from build_events(context, config, landing)
    yield dg.MaterializeResult(metadata={"landed": str(landing)})


def _as_output(event: Event) -> Output:
    """Return an event as an output of the asset that it is of, which Dagster expects of the step that makes it."""
    if isinstance(event, dg.AssetMaterialization):
        return dg.MaterializeResult(asset_key=event.asset_key, metadata=event.metadata)
    if isinstance(event, dg.AssetCheckEvaluation):
        return dg.AssetCheckResult(
            asset_key=event.asset_key,
            check_name=event.check_name,
            passed=event.passed,
            severity=event.severity,
            metadata=event.metadata,
        )
    return event


def _release_command(context: dg.OpExecutionContext, operation: str) -> None:
    answer = commands.run(["scripts.release", operation], context.log.info)
    if answer.code:
        raise dg.Failure(_description(answer))
    context.add_output_metadata({"release": read_release() or "none yet"})


@dg.op
def publish(context: dg.OpExecutionContext) -> None:
    """Publish a candidate that passed all checks: `make publish`."""
    _release_command(context, "publish")


@dg.op
def go_back(context: dg.OpExecutionContext) -> None:
    """Go back to the release before: `make rollback`."""
    _release_command(context, "rollback")


@dg.job(name="release", description="Publish a candidate that passed all checks: `make publish`.")
def release_job() -> None:
    """Publish a candidate that passed all checks."""
    publish()


# No retry, not even after a crash: a server may finish a rollback whose command was killed.
@dg.job(
    name="rollback",
    description="Go back to the release before: `make rollback`.",
    tags={"dagster/max_retries": "0"},
)
def rollback_job() -> None:
    """Go back to the release before."""
    go_back()


build_job = dg.define_asset_job(
    "build", selection=dg.AssetSelection.assets(warehouse), description="Land, build, check and publish: `make build`."
)
build_day_job = dg.define_asset_job(
    "build_day",
    selection=dg.AssetSelection.assets(daily_files),
    description="Land the files of a day, and build. Backfills run day by day.",
)


@dg.sensor(job=build_job, minimum_interval_seconds=LOOK_EVERY_SECONDS)
def landing_folder(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Start a build when files have arrived in the landing folder and no longer grow."""
    folder = os.environ.get(LANDING)
    if not folder:
        return dg.SkipReason(f"no landing folder: set {LANDING} before Dagster starts.")
    try:
        state = arrivals.state_of(Path(folder))
    except Refusal as refusal:
        return dg.SkipReason(refusal.message)
    if state is None:
        return dg.SkipReason(f"{folder} holds no file to land.")
    before = context.cursor
    if before == STARTED + state:
        return dg.SkipReason("nothing has arrived since the last build.")
    context.update_cursor(state)
    if before != state:
        return dg.SkipReason("files have arrived or changed since the last look: waiting until they are complete.")
    context.update_cursor(STARTED + state)
    # Dagster starts one run for a key, also if the cursor is lost.
    config = BuildConfig(landing=folder, on_refused="skip")
    return dg.RunRequest(run_key=state, run_config=dg.RunConfig(ops={"warehouse": config}))


hourly = dg.ScheduleDefinition(name="hourly", job=build_job, cron_schedule="0 * * * *")
daily = dg.ScheduleDefinition(name="daily", job=build_job, cron_schedule="30 5 * * *")

defs = dg.Definitions(
    assets=[warehouse, daily_files, *graph.source_specs()],
    jobs=[build_job, build_day_job, release_job, rollback_job],
    schedules=[hourly, daily],
    sensors=[landing_folder],
    # Each job is one operation, which starts a process of its own.
    executor=dg.in_process_executor,
)
