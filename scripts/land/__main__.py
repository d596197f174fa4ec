"""`python -m scripts.land PATH...`: land raw files in the bronze schema."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts import connection
from scripts.errors import Refusal, printable
from scripts.generate import sample
from scripts.land import replay as replaying
from scripts.land.bar import Bar
from scripts.land.bronze import ledger
from scripts.land.files.discovery import Discovery, shown
from scripts.land.loading import MAX_REJECT_SHARE, land
from scripts.land.results import FileResult, LandingReport, refusals
from scripts.land.watch import stopped_by_signals, watch
from scripts.privacy import keep_private

MEGABYTE = 1_000_000
UNFOLDED = 200


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--max-reject-share",
    type=click.FloatRange(0, 1),
    default=MAX_REJECT_SHARE,
    show_default=True,
    help="Refuse a file if a larger share of its rows cannot be read.",
)
@click.option("--encoding", help="Encoding of text files, such as windows-1252; detected for each file by default.")
@click.option("--dry-run", is_flag=True, help="Report what would happen, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON on standard output.")
@click.option("--replay", is_flag=True, help="Land rejected rows again, after the contract was mended.")
@click.option(
    "--watch", "watching", is_flag=True, help="Keep landing files that are dropped into the folders, until stopped."
)
@click.option("--status", is_flag=True, help="Show what has landed so far, and land nothing.")
def main(
    *,
    paths: tuple[Path, ...],
    max_reject_share: float,
    encoding: str | None,
    dry_run: bool,
    as_json: bool,
    replay: bool,
    watching: bool,
    status: bool,
) -> None:
    """Land raw files in the bronze schema: as delivered, exactly once, a file at a time.

    Files are CSV, JSON Lines, Parquet or XLSX. Text may be in any common encoding, delimited by comma, semicolon, tab
    or bar, and packed with gzip, zstd or zip.

    PATH is a file or a folder, searched to the bottom; files land in the order of their names. DBT_TARGET names the
    database. Exit code 0: all files landed. 1: a file was refused. 2: wrong usage.
    """
    keep_private()
    if [bool(paths), replay, status].count(True) != 1:
        raise click.UsageError("give either files and folders to land, or --replay, or --status.")
    if status:
        _show_status()
        return
    if watching and (dry_run or not paths or not all(path.is_dir() for path in paths)):
        raise click.UsageError("--watch needs folders to watch, and lands in earnest only.")
    if encoding is not None and not _is_encoding(encoding):
        raise click.BadParameter(f"{encoding!r} is no encoding that Python knows.", param_hint="--encoding")
    _refuse_where_nothing_may_land()
    if replay:
        report = replaying.replay(connection.url(), encoding=encoding, dry_run=dry_run)
    else:
        with Bar(Console(stderr=True)) as bar:
            landing = partial(
                land,
                connection_url=connection.url(),
                max_reject_share=max_reject_share,
                encoding=encoding,
                progress=bar,
            )
            if watching:
                _watch(paths, landing, as_json=as_json)
                return
            report = landing(paths, dry_run=dry_run)
    _report(report, as_json=as_json, dry_run=dry_run)
    if report.of("refused"):
        raise SystemExit(1)


def _refuse_where_nothing_may_land() -> None:
    """Refuse a target that takes no files, before any file is read."""
    connection.refuse_to_land_for_developers()
    with connection.connect() as session:
        if connection.target_name() == "local" and sample.is_held(session):
            raise Refusal(
                "this warehouse holds the made-up sample: `make build LANDING=...` puts your files in its place."
            )


def _watch(folders: Sequence[Path], landing: Callable[..., LandingReport], *, as_json: bool) -> None:
    """Land files as they arrive, and report each landing; as JSON, in one line."""

    def report(news: LandingReport | Refusal) -> None:
        if isinstance(news, Refusal):
            click.echo(f"Error: {news.message} Trying again.", err=True)
        elif as_json:
            click.echo(_as_json(news, dry_run=False, indent=None))
        else:
            _report(news, as_json=False, dry_run=False)

    with stopped_by_signals() as stop:
        click.echo(f"watching {', '.join(map(shown, folders))}; stop with Ctrl-C", err=True)
        watch(folders, lambda found: landing(Discovery(tuple(found)), stop=stop.is_set), report, stop)
    click.echo("stopped", err=True)


def _report(report: LandingReport, *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        click.echo(_as_json(report, dry_run=dry_run))
    else:
        _report_as_text(report, dry_run=dry_run)
    for line in refusals(report.files):
        click.echo(f"Error: {line}", err=True)


def _is_encoding(name: str) -> bool:
    try:
        # `codecs.lookup` would also accept codecs of bytes, such as base64.
        return bool("a".encode(name))
    except LookupError:
        return False


def _report_as_text(report: LandingReport, *, dry_run: bool) -> None:
    for file in report.files:
        if file.outcome == "skipped" and (dry_run or file.detail != f"already landed as {file.name}"):
            click.echo(f"skipped {file.name}: {file.detail}")
        elif file.outcome == "landed" and (dry_run or file.detail or file.rejects):
            click.echo(f"landed {file.name}: {_remark(file, dry_run=dry_run)}")
    landed = report.of("landed")
    rows, rejected = sum(file.rows_loaded for file in landed), sum(len(file.rejects) for file in landed)
    size = sum(file.bytes for file in landed) / MEGABYTE
    before, refused = len(report.of("skipped")), len(report.of("refused"))
    click.echo(
        f"{'Dry run, nothing changed: ' if dry_run else ''}"
        f"{len(landed)} landed, {before} skipped as landed before, {refused} refused"
        f"{f', {report.passed_over} other files passed over' if report.passed_over else ''}; "
        f"{rows:,} rows loaded, {rejected:,} rejected, {size:,.1f} MB in {report.seconds:.1f} s"
    )


def _as_json(report: LandingReport, *, dry_run: bool, indent: int | None = 2) -> str:
    files = [{**asdict(file), "rows_read": file.rows_read} for file in report.files]
    whole = {"dry_run": dry_run, "passed_over": report.passed_over, "seconds": report.seconds, "files": files}
    # Escaped to ASCII, because the text of rejected rows may hold control characters that a terminal obeys.
    return json.dumps(whole, indent=indent)


def _remark(file: FileResult, *, dry_run: bool) -> str:
    rows = f"{file.rows_loaded:,} rows" if dry_run else ""
    aside = f"{len(file.rejects):,} rows set aside, the first for {file.rejects[0].reason}" if file.rejects else ""
    return "; ".join(part for part in (rows, file.detail, aside) if part)


def _show_status() -> None:
    with connection.connect(autocommit=True) as database:
        files = ledger.status(database)
    table = Table(title=f"{len(files):,} landed files, {sum(file.rows_loaded for file in files):,} rows")
    for heading in ("file", "name", "source", "format"):
        table.add_column(heading, justify="right" if heading == "file" else "left", overflow="fold")
    for heading in ("MB", "rows", "rejected"):
        table.add_column(heading, justify="right")
    table.add_column("landed at")
    for file in files:
        table.add_row(
            str(file.file_id),
            Text(printable(file.name)),
            file.source,
            file.format,
            f"{file.bytes / MEGABYTE:,.1f}",
            f"{file.rows_loaded:,}",
            f"{file.rows_rejected:,}",
            f"{file.landed_at:%Y-%m-%d %H:%M:%S %Z}",
        )
    # A file or a pipe has no edge at which to fold.
    Console(width=None if sys.stdout.isatty() else UNFOLDED).print(table)


if __name__ == "__main__":
    main(prog_name="python -m scripts.land")
