"""`make audit` and `make evidence`: verify the log of events, and print the evidence of a release."""

import json
from datetime import datetime
from pathlib import Path

import click

from scripts import connection
from scripts.errors import Refusal, printable
from scripts.governance.events import chain, evidence
from scripts.privacy import keep_private

SHOWN = 10
MANY = 5


@click.group()
def main() -> None:
    """Verify the log of events, and print the evidence of a release."""
    keep_private()


@main.command()
@click.option(
    "--anchor", type=click.Path(dir_okay=False, path_type=Path), help="Compare with this file, then add to it."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def verify(anchor: Path | None, as_json: bool) -> None:
    """Verify the log of events, and print its last ones. Exit code 1 if something is wrong."""
    with connection.connect() as session:
        chain.refuse_without_log(session)
        problems = chain.problems(session, chain.read_anchors(anchor) if anchor else [])
        warnings, events = chain.warnings(session), chain.last(session, SHOWN)
    if as_json:
        found = {"problems": problems, "warnings": warnings, "events": [event._asdict() for event in events]}
        click.echo(json.dumps(found, indent=2, default=str))
    else:
        for event in reversed(events):
            click.echo(
                printable(f"{event.event_id:>6}  {_time(event.recorded_at)}  {event.recorded_by}  {_said(event)}")
            )
        for line in warnings:
            click.echo(f"Warning: {line}.", err=True)
        for line in problems:
            click.echo(f"Error: {printable(line)}.", err=True)
    if problems:
        if as_json:
            raise SystemExit(1)
        raise Refusal(f"the log is not as it was written: {len(problems)} problems, see above. Keep it as evidence.")
    if anchor and events:
        chain.add_anchor(anchor, events[0])
    if not as_json:
        number, last = (events[0].event_id, events[0].hash) if events else (0, "none")
        click.echo(f"The log is as it was written: {number} events, the last hash is {last}.")


@main.command()
@click.argument("release", required=False, type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def release(release: int | None, as_json: bool) -> None:
    """Print who approved, built and checked a release, the last one by default, and from which files it was made."""
    with connection.connect() as session:
        chain.refuse_without_log(session)
        found = evidence.of_release(session, release)
    if as_json:
        click.echo(json.dumps(found, indent=2, default=str))
        return
    code = found["code"]
    _line("Release", f"{found['release']} ({found['kind']}), event {found['event_id']}, hash {found['hash']}")
    _line("Released", f"by {found['released_by']}, {_time(found['released_at'])}")
    _line("Code", f"{code['commit']} {code.get('subject', '')}")
    if "author" in code:
        _line("Author", f"{code['author']}, {code['committed_at']}")
        _line("Approved", ", ".join(code["reviewed_by"]) or "by no reviewer")
    for remark in code["remarks"]:
        _line("", f"remark: {remark}")
    _line(
        "Checks",
        f"{len(found['checks_passed'])} passed, {len(found['checks_warned'])} warned {_few(found['checks_warned'])}",
    )
    rows = sum(file["rows_loaded"] for file in found["files"])
    _line("Files", f"{len(found['files'])} with {rows:,} rows {_few([file['name'] for file in found['files']])}")
    for landing in found["landings"]:
        details = landing["details"]
        _line("Landed", f"{details['files']} files by {landing['recorded_by']}, {_time(landing['recorded_at'])}")
    _line("", "JSON=1 prints every name and hash")


def _line(heading: str, text: str) -> None:
    click.echo(printable(f"{heading:<12}{text}".rstrip()))


def _few(names: list[str]) -> str:
    more = f", and {len(names) - MANY} more" if len(names) > MANY else ""
    return f"({', '.join(names[:MANY])}{more})" if names else ""


def _time(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S %Z}"


def _said(event: chain.Event) -> str:
    """Return an event in words."""
    details = event.details
    told = {
        "landing": f"{details.get('files')} files, {details.get('rows')} rows, {details.get('files_refused')} refused",
        "release": f"commit {details.get('git_commit')}, {len(details.get('checks_passed') or [])} checks passed",
        "rollback": f"of release {details.get('rolled_back')}",
        "build": f"{details.get('command')}: "
        + ", ".join(f"{count} {status}" for status, count in sorted((details.get("nodes") or {}).items())),
        "migration": str(details.get("way")),
        "roles changed": ", ".join(
            f"{len(details.get(name) or [])} {words}"
            for name, words in (("created", "created"), ("granted", "rights granted"), ("drift", "differences"))
        ),
        "user made": f"with the rights of {details.get('role')}",
    }.get(event.kind, str(details.get("reason") or details.get("request") or ""))
    return f"{event.kind} {event.subject}  {told}".rstrip()


if __name__ == "__main__":
    main(prog_name="python -m scripts.governance.events")
