"""`python -m scripts.stream`: land data that arrives by itself."""

import re

import click

from scripts import connection
from scripts.errors import Refusal
from scripts.land.watch import stopped_by_signals
from scripts.privacy import keep_private
from scripts.stream.cdc import lsn
from scripts.stream.cdc.capture import capture
from scripts.stream.cdc.options import Options

MB = 1024**2
# As PostgreSQL allows it.
SLOT = re.compile("[a-z0-9_]{1,63}")


@click.group()
def main() -> None:
    """Land data that arrives by itself."""


@main.command()
@click.argument("source", metavar="URL")
@click.option("--publication", default="warehouse", show_default=True, help="Publication of the source.")
@click.option("--slot", default="warehouse", show_default=True, help="Replication slot; the first run makes it.")
@click.option("--once", is_flag=True, help="Land what the source has committed by now, then stop.")
@click.option(
    "--interval",
    type=click.FloatRange(0.01, 3600),
    default=0.5,
    show_default=True,
    help="Seconds for which changes are collected into one commit of the warehouse.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 10_000_000),
    default=10_000,
    show_default=True,
    help="Changes after which a commit comes earlier.",
)
@click.option(
    "--truncate",
    type=click.Choice(["refuse", "land"]),
    default="refuse",
    show_default=True,
    help="What to do when the source empties a table.",
)
@click.option("--start-over", is_flag=True, help="Drop the slot, and copy all tables again.")
@click.option(
    "--warn-mb",
    type=click.IntRange(1),
    default=1024,
    show_default=True,
    help="MB of log behind that are worth a warning.",
)
@click.option(
    "--warn-seconds", type=click.FloatRange(0), default=60, show_default=True, help="Seconds behind, likewise."
)
def cdc(
    *,
    source: str,
    publication: str,
    slot: str,
    once: bool,
    interval: float,
    batch: int,
    truncate: str,
    start_over: bool,
    warn_mb: int,
    warn_seconds: float,
) -> None:
    """Land each change of the tables of another PostgreSQL in bronze.shop_changes, exactly once.

    URL is the source, such as postgresql://replicator@host:5432/shop. A password belongs in ~/.pgpass, not on a command
    line. DBT_TARGET names the warehouse. The first run copies all rows of the published tables. Each further run goes
    on where the last one ended, however it ended. Exit code 0: stopped or drained. 1: refused. 2: wrong usage.
    """
    keep_private()
    if not SLOT.fullmatch(slot):
        raise Refusal(f"--slot {slot!r} is no name of a slot: use up to 63 lower case letters, digits and underscores.")
    connection.refuse_to_land_for_developers()
    options = Options(
        source=source,
        warehouse=connection.url(),
        publication=publication,
        slot=slot,
        once=once,
        interval=interval,
        batch=batch,
        land_truncate=truncate == "land",
        start_over=start_over,
        most_lag_bytes=warn_mb * MB,
        most_lag_seconds=warn_seconds,
    )
    with stopped_by_signals() as stop:
        report = capture(options, say=lambda line: click.echo(line, err=True), stop=stop.is_set)
    copied = f"{report.copied:,} rows copied, " if report.copied else ""
    click.echo(
        f"{copied}{report.changes:,} changes of {report.transactions:,} transactions landed in {report.seconds:.1f} s, "
        f"at {lsn.text(report.position)}; longest lag {report.longest_lag:.1f} s"
    )


if __name__ == "__main__":
    main(prog_name="python -m scripts.stream")
