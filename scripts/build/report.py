"""Report what a build did: files, relations, checks, release, times, and what the models report themselves.

This module knows no model by name. A model reports by `config: meta: report:` in its YAML:

    report:
      label: Quarantined
      query: select count(*) || ' lines, see ' || '{relation}'::regclass from {relation}

The report is such a mapping, or a list of them. After the model ran, the build prints each row of the query, which is
one column of text, behind the label. `{relation}` stands for the model's relation and `{began}` for the start of the
build. A brace that is part of the SQL is doubled. `config: meta: example_query:` is a query
for the user to try next, which may use `{relation}` as well.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Formatter
from typing import Annotated, Any

import click
import psycopg
from psycopg import sql
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator
from rich.console import Console
from rich.table import Table

from scripts import connection
from scripts.build.clock import Clock
from scripts.errors import Refusal
from scripts.generate import sample
from scripts.land import LandingReport
from scripts.land.files.discovery import shown

# The width of the labels at the start of each line.
LABEL_WIDTH = 11
RELATIONS = ("model", "snapshot", "seed")
# A view that is up to date is not created again, which dbt calls `no-op`.
BUILT = ("success", "no-op")
FAILURES_SHOWN = 10
PLACEHOLDERS = {"relation", "began"}

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class ModelReport(BaseModel):
    """One report of a model.

    Attributes:
        label: the first word of the line.
        query: SQL that returns rows of one text column.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: Annotated[Text, StringConstraints(max_length=LABEL_WIDTH)]
    query: Text

    @field_validator("query")
    @classmethod
    def _placeholders_are_known(cls, query: str) -> str:
        unknown = {name for _, name, _, _ in Formatter().parse(query) if name is not None} - PLACEHOLDERS
        if unknown:
            raise ValueError(f"unknown placeholder {{{min(unknown)}}}; known are {{relation}} and {{began}}")
        return query

    def rows(self, session: psycopg.Connection, relation: tuple[str, str], began: datetime) -> list[str]:
        """Run the query.

        Args:
            session: a connection in autocommit mode.
            relation: the schema and name of the model's relation.
            began: when the build began.

        Raises:
            psycopg.Error: the query fails.
        """
        query = sql.SQL(self.query).format(relation=sql.Identifier(*relation), began=sql.Literal(began))
        return [str(text) for (text,) in session.execute(query).fetchall()]


@dataclass(frozen=True)
class Step:
    """The result of one node of the dbt project.

    Attributes:
        kind: its resource type in dbt.
        name: its name.
        status: its status in dbt.
        message: dbt's message, in one line.
        failures: the number of rows that a check found.
        relation: the schema and name of its relation, if it has one.
        reports: what the model reports after it ran.
        example: a query for the user to try next.
        is_left_out: whether it did not run, as nothing touched it.
    """

    kind: str
    name: str
    status: str
    message: str = ""
    failures: int = 0
    relation: tuple[str, str] | None = None
    reports: tuple[ModelReport, ...] = ()
    example: str | None = None
    is_left_out: bool = False

    def complaint(self, before: int | None = None, broken_rules: str | None = None) -> str:
        """Return in one line what is wrong and where to look.

        Args:
            before: the number of rows that a check found in the previous run, if that is on record.
            broken_rules: the broken rules of a check of several rules, each with its number of rows.
        """
        if self.kind == "test" and self.status in ("fail", "warn"):
            look = f"select * from {'.'.join(self.relation)}" if self.relation else "see logs/dbt.log"
            rows = _counted(self.failures, "row")
            trend = None if before is None else f"{before:,} in the run before"
            details = "; ".join(detail for detail in (broken_rules, trend) if detail)
            return f"check {self.name} found {rows}{f' ({details})' if details else ''}: {look}"
        return f"{self.kind} {self.name}: {self.message}"


@dataclass(frozen=True)
class Outcome:
    """The result of `dbt build`.

    Attributes:
        steps: the result of each node.
        warnings: the warnings of the project's macros.
        invocation_id: dbt's id of this run.
    """

    steps: list[Step]
    warnings: list[str]
    invocation_id: str


@dataclass(frozen=True)
class Release:
    """What readers see.

    Attributes:
        number: its id.
        published_at: when it was published.
        changed: the number of relations that it changed.
    """

    number: int
    published_at: str
    changed: int


@dataclass(frozen=True)
class LogEnd:
    """The last event of the log, whose hash stands for the whole log up to it.

    Attributes:
        number: its id.
        hash: its hash.
    """

    number: int
    hash: str


def reports_of(model: str, meta: Mapping[str, Any]) -> tuple[ModelReport, ...]:
    """Read the reports of a model.

    Args:
        model: the name of the model, for messages.
        meta: its `config: meta:`.

    Raises:
        Refusal: a report is not valid. The message names the model and the key.
    """
    declared = meta.get("report", [])
    try:
        return tuple(map(ModelReport.model_validate, declared if isinstance(declared, list) else [declared]))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, ("config", "meta", "report", *first["loc"])))
        problem = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise Refusal(f"model {model}: {key}: {problem}. A report has a label and a query.") from None


def report_landing(console: Console, landing: Path, report: LandingReport) -> None:
    """Report the files that landed.

    Args:
        console: where to print.
        landing: the folder of the files.
        report: the result of the landing.
    """
    landed, skipped = report.of("landed"), report.of("skipped")
    rows, rejected = sum(file.rows_loaded for file in landed), sum(len(file.rejects) for file in landed)
    console.print(
        f"Landed      {_counted(len(landed), 'file')} with {_counted(rows, 'row')} from {shown(landing)}, "
        f"{_counted(rejected, 'row')} rejected, "
        f"{_counted(len(skipped), 'file')} {'was' if len(skipped) == 1 else 'were'} here already",
        soft_wrap=True,
        markup=False,
    )
    # The sample comes with a file that says what a warehouse must find in it.
    if report.passed_over and landing.resolve() != sample.FOLDER:
        others = _counted(report.passed_over, "other file")
        console.print(f"Passed over {others}: of no known format, or a link that leads elsewhere", soft_wrap=True)


def report_refused(console: Console, refused: Sequence[str]) -> None:
    """Report the files that are missing from the release.

    Args:
        console: where to print.
        refused: a line for each file.
    """
    if refused:
        console.print(
            f"Refused     {_counted(len(refused), 'file')}, whose rows are in no total; see bronze.refused_files",
            soft_wrap=True,
        )
    for line in refused:
        console.print(f"            {line}", soft_wrap=True, markup=False)


def report_build(console: Console, session: psycopg.Connection, outcome: Outcome, began: datetime) -> None:
    """Report warnings, what models report, the relations, and the checks.

    Args:
        console: where to print.
        session: a connection in autocommit mode.
        outcome: the result of `dbt build`.
        began: when the build began, by the clock of the server.

    Raises:
        Refusal: a step failed.
    """
    for warning in outcome.warnings:
        _report_warning(console, warning)
    steps = outcome.steps
    for step in steps:
        _report_model(console, session, step, began)
    kinds = Counter(step.kind for step in steps if step.status == "success")
    counts = f"{kinds['model']} models, {kinds['snapshot']} snapshots, {kinds['seed']} seeds"
    console.print(f"Built       {sum(kinds[kind] for kind in RELATIONS)} relations ({counts})", soft_wrap=True)
    checks = Counter(step.status for step in steps if step.kind == "test")
    console.print(f"Checks      {_checks(checks)}", soft_wrap=True)
    if left_out := sum(step.is_left_out for step in steps):
        console.print(f"Left out    {left_out} of them, as nothing that they read has changed", soft_wrap=True)
    warned = [step for step in steps if step.status == "warn"]
    before = found_before(session, warned, outcome.invocation_id)
    rules = broken_rules(session, outcome.invocation_id)
    for step in warned:
        complaint = step.complaint(before.get(step.name), rules.get(step.name))
        console.print(f"            warning: {complaint}", soft_wrap=True)
    failed = [step for step in steps if step.status in ("error", "fail")]
    if failed:
        for step in failed[:FAILURES_SHOWN]:
            click.echo(f"Error: {step.complaint(broken_rules=rules.get(step.name))}", err=True)
        more = f"; {len(failed) - FAILURES_SHOWN} more are in logs/dbt.log" if len(failed) > FAILURES_SHOWN else ""
        raise Refusal(f"{len(failed)} of {len(steps)} steps failed{more}. Mend the cause and run this again.")


def found_before(session: psycopg.Connection, checks: Sequence[Step], invocation_id: str) -> dict[str, int]:
    """Return the number of rows that checks found in the previous run, if that is on record.

    Args:
        session: a connection to the warehouse.
        checks: the checks to report.
        invocation_id: dbt's id of this run.

    Returns:
        The number of rows in the last other run of each check, by the name of the check.
    """
    results = (connection.audit_schema(), "node_results")
    if not checks or session.execute("select to_regclass(%s)", [".".join(results)]).fetchone() == (None,):
        return {}
    query = sql.SQL(
        """
        select distinct on (name) name, failures
        from {}
        where name = any(%s) and resource_type = 'test' and status in ('pass', 'warn', 'fail') and invocation_id <> %s
        order by name, started_at desc
        """
    )
    named = [[check.name for check in checks], invocation_id]
    return {name: rows or 0 for name, rows in session.execute(query.format(sql.Identifier(*results)), named)}


def broken_rules(session: psycopg.Connection, invocation_id: str) -> dict[str, str]:
    """Return the broken rules of a run, if they are on record.

    Args:
        session: a connection to the warehouse.
        invocation_id: dbt's id of the run.

    Returns:
        The rules that rows break, each with the number of rows, by the name of the check.
    """
    table = (connection.audit_schema(), "broken_rules")
    if session.execute("select to_regclass(%s)", [".".join(table)]).fetchone() == (None,):
        return {}
    query = sql.SQL(
        """
        select
            check_name,
            string_agg(rule || ' ' || to_char(failures, 'FM999,999,999,990'), ', ' order by failures desc, rule)
        from {}
        where invocation_id = %s
        group by check_name
        """
    )
    return dict(session.execute(query.format(sql.Identifier(*table)), [invocation_id]).fetchall())


def last_release(session: psycopg.Connection) -> Release | None:
    """Return the release that readers see; None before the first release."""
    schema = connection.audit_schema()
    if session.execute("select to_regclass(%s)", [f"{schema}.releases"]).fetchone() == (None,):
        return None
    found = session.execute(
        sql.SQL(
            """
            select release_id, to_char(published_at, 'YYYY-MM-DD HH24:MI:SS TZ'), cardinality(changed_models)
            from {}.releases
            order by release_id desc
            limit 1
            """
        ).format(sql.Identifier(schema))
    ).fetchone()
    return Release(*found) if found else None


def end_of_log(session: psycopg.Connection) -> LogEnd | None:
    """Return the end of the log of events; None if the target has none, or the user may not read it."""
    if connection.audit_schema() != "audit":
        return None
    if session.execute("select has_table_privilege(to_regclass('audit.events'), 'select')").fetchone() != (True,):
        return None
    found = session.execute("select event_id, hash from audit.events order by event_id desc limit 1").fetchone()
    return LogEnd(*found) if found else None


def report_release(
    console: Console, before: Release | None, now: Release | None, log_end: LogEnd | None = None
) -> None:
    """Report whether the build published a release.

    Args:
        console: where to print.
        before: the release that readers saw before the build.
        now: the release that readers see after the build.
        log_end: the end of the log of events, which covers the release.
    """
    if now and now != before:
        relations = _counted(now.changed, "relation")
        console.print(f"Published   {relations} of gold, as release {now.number}", soft_wrap=True)
        if log_end:
            console.print(f"Anchor      event {log_end.number} has the hash {log_end.hash}", soft_wrap=True)
    elif now:
        console.print(
            f"Published   nothing: release {now.number} of {now.published_at} is still published", soft_wrap=True
        )
    else:
        console.print("Published   nothing, and nothing was before", soft_wrap=True)


def report_times(console: Console, clock: Clock) -> None:
    """Report the seconds of each step."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column("step")
    table.add_column("seconds", justify="right")
    seconds = {step: ended - began for step, (began, ended) in clock.steps.items()}
    for step, took in seconds.items():
        table.add_row(f"  {step}", f"{took:.1f} s")
    table.add_row("  all", f"{sum(seconds.values()):.1f} s")
    console.print("Time")
    console.print(table)


def report_next(console: Console, steps: Sequence[Step]) -> None:
    """Report the commands to try next, with the example query of a model."""
    queries = [
        step.example.replace("{relation}", ".".join(step.relation)) for step in steps if step.example and step.relation
    ]
    example = f", e.g. {queries[0]}" if queries else ""
    console.print(
        f"Next        make psql           query the star schema{example}\n"
        "            make docs           browse models, columns and lineage\n"
        "            make build LANDING=path/to/your/files",
        soft_wrap=True,
    )


def _report_model(console: Console, session: psycopg.Connection, step: Step, began: datetime) -> None:
    """Print what a model reports. A query that fails is a warning, because the build itself is complete."""
    if step.status not in BUILT or not step.relation:
        return
    for report in step.reports:
        try:
            for row in report.rows(session, step.relation, began):
                console.print(f"{report.label:<{LABEL_WIDTH}} {row}", soft_wrap=True, markup=False)
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            _report_warning(console, f"model {step.name}: the query of its report {report.label!r} failed: {reason}")


def _report_warning(console: Console, warning: str) -> None:
    console.print(f"Warning     {warning}", soft_wrap=True, markup=False)


def _checks(checks: Mapping[str, int]) -> str:
    """Return how many checks passed, and what became of the others, by their status in dbt.

    A check that was skipped has not looked at anything: the step before it failed.
    """
    others = [
        f"{number} {words}"
        for words, number in (
            ("found rows and only warn", checks["warn"]),
            ("failed", checks["fail"] + checks["error"]),
            ("were skipped", checks["skipped"]),
        )
        if number
    ]
    return ", ".join([f"{checks['pass']} of {sum(checks.values())} passed", *others])


def _counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
