"""`python -m scripts.shop`: a shop that trades, to capture changes from."""

import time
from datetime import datetime

import click

from scripts.land.watch import stopped_by_signals
from scripts.privacy import keep_private
from scripts.shop import database


@click.group()
def main() -> None:
    """Run a shop on a second embedded server, whose orders are placed, changed and cancelled."""


@main.command("serve")
@click.option("--rate", type=click.FloatRange(0.01), default=5.0, show_default=True, help="Events a second.")
@click.option("--seconds", type=click.FloatRange(0), help="How long; until Ctrl-C by default.")
@click.option("--lines", type=click.IntRange(1, 1000), default=5, show_default=True, help="Lines an order, on average.")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed makes the same events."
)
@click.option(
    "--start", type=click.DateTime(["%Y-%m-%d"]), default="2011-12-12", show_default=True, help="First day of trade."
)
def serve_command(*, rate: float, seconds: float | None, lines: int, seed: int, start: datetime) -> None:
    """Start the server if need be, and let the shop trade."""
    from scripts.shop.serving import open_shop, serve  # noqa: PLC0415  # numpy and polars, which only this command needs

    keep_private()
    database.ensure_running()
    began = time.monotonic()
    with database.connect() as connection, stopped_by_signals() as stop:
        click.echo(f"The shop is open; capture its changes: make stream URL='{database.url()}'", err=True)
        shop = open_shop(connection, seed=seed, lines=lines, start=start)
        done = serve(connection, shop, rate=rate, seconds=seconds, stop=stop.is_set)
    rows = done.pop("rows", 0)
    events = ", ".join(f"{number:,} {kind}" for kind, number in sorted(done.items())) or "no orders"
    click.echo(f"{events}: {rows:,} rows changed in {time.monotonic() - began:.1f} s")


@main.command()
def url() -> None:
    """Print the libpq URI from which changes can be captured."""
    click.echo(database.url())


@main.command()
def stop() -> None:
    """Stop the server; data stays."""
    click.echo("stopped" if database.stop() else "not running")


@main.command()
def destroy() -> None:
    """Stop the server and delete all its data."""
    database.destroy()
    click.echo("deleted the shop")


if __name__ == "__main__":
    main(prog_name="python -m scripts.shop")
