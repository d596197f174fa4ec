"""`python -m scripts.land PATH...`: land raw files in the bronze schema."""

import json
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from scripts import connection
from scripts.land import ledger
from scripts.land.loading import MAX_REJECT_SHARE, LandingReport, land, refusals

MEGABYTE = 1_000_000


class Bar:
    """A progress bar on standard error, if that is a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def start(self, total: int) -> None:
        """Show the bar."""
        self._task = self._progress.add_task("landing", total=total)

    def advance(self, name: str, consumed: int) -> None:
        """Move the bar."""
        if self._task is not None and not self._progress.disable:
            self._progress.update(self._task, advance=consumed, description=name)


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--max-reject-share",
    type=click.FloatRange(0, 1),
    default=MAX_REJECT_SHARE,
    show_default=True,
    help="Refuse a file of which a greater share of rows cannot be read.",
)
@click.option("--encoding", help="How text files are encoded, such as windows-1252; found out for each by default.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON on standard output.")
@click.option("--status", is_flag=True, help="Show what has landed so far, and land nothing.")
def main(
    *,
    paths: tuple[Path, ...],
    max_reject_share: float,
    encoding: str | None,
    dry_run: bool,
    as_json: bool,
    status: bool,
) -> None:
    """Land raw CSV and Parquet files in the bronze schema: as delivered, exactly once, a file at a time.

    CSV may be in any common encoding, delimited by comma, semicolon, tab or bar, and compressed with gzip.

    PATH is a file or a folder, searched to the bottom; files land in the order of their names. The database is
    the one that DBT_TARGET names. Exit code 0: all is landed. 1: something was refused. 2: wrong usage.
    """
    if status == bool(paths):
        raise click.UsageError("give either files and folders to land, or --status.")
    if status:
        _show_status()
        return
    if encoding is not None and not _is_encoding(encoding):
        raise click.BadParameter(f"{encoding!r} is no encoding that Python knows.", param_hint="--encoding")
    with Bar(Console(stderr=True)) as bar:
        report = land(
            paths,
            connection.url(),
            max_reject_share=max_reject_share,
            encoding=encoding,
            dry_run=dry_run,
            progress=bar,
        )
    if as_json:
        click.echo(_as_json(report, dry_run=dry_run))
    else:
        _tell(report, dry_run=dry_run)
    for line in refusals(report.files):
        click.echo(f"Error: {line}", err=True)
    if report.of("refused"):
        raise SystemExit(1)


def _is_encoding(name: str) -> bool:
    try:
        # This refuses codecs of bytes such as base64, which `codecs.lookup` would let pass.
        return bool("a".encode(name))
    except LookupError:
        return False


def _tell(report: LandingReport, *, dry_run: bool) -> None:
    for file in report.files:
        if file.outcome == "skipped" and file.detail != f"already landed as {file.name}":
            click.echo(f"skipped {file.name}: {file.detail}")
        elif file.outcome == "landed" and (file.detail or file.rejects):
            click.echo(f"landed {file.name}: {_remark(file.detail, [r.reason for r in file.rejects])}")
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


def _as_json(report: LandingReport, *, dry_run: bool) -> str:
    files = [{**asdict(file), "rows_read": file.rows_read} for file in report.files]
    whole = {"dry_run": dry_run, "passed_over": report.passed_over, "seconds": report.seconds, "files": files}
    return json.dumps(whole, ensure_ascii=False, indent=2)


def _remark(detail: str, reasons: list[str]) -> str:
    aside = f"{len(reasons):,} rows set aside, the first for {reasons[0]}" if reasons else ""
    return "; ".join(part for part in (detail, aside) if part)


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
            file.name,
            file.source,
            file.format,
            f"{file.bytes / MEGABYTE:,.1f}",
            f"{file.rows_loaded:,}",
            f"{file.rows_rejected:,}",
            f"{file.landed_at:%Y-%m-%d %H:%M:%S %Z}",
        )
    Console().print(table)


if __name__ == "__main__":
    main(prog_name="python -m scripts.land")
