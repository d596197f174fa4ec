"""Capture: connect both sides, begin, follow; and try again when a connection is lost."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

import psycopg
from psycopg.rows import TupleRow

from scripts.errors import Refusal, printable
from scripts.land.bronze import ledger
from scripts.stream.cdc import bronze, source
from scripts.stream.cdc.following import Follower
from scripts.stream.cdc.options import Options, Report, Say
from scripts.stream.cdc.replication import Replication
from scripts.stream.cdc.source import CLOCK_TOLERANCE_SECONDS, Unreachable
from scripts.stream.cdc.starting import Sides, begin

TRY_AGAIN_SECONDS = 5.0


def capture(options: Options, *, say: Say, stop: Callable[[], bool] = lambda: False) -> Report:
    """Land the changes of a source, until it is drained (`once`) or `stop` says so.

    A lost connection ends a run with `once`. Any other run tries again, once it was connected to both sides.

    Args:
        options: what to capture.
        say: takes one line about what happens.
        stop: asked several times a second.

    Raises:
        Refusal: something is wrong with the source, the slot or the warehouse, or a change cannot land.
    """
    report, began = Report(), time.monotonic()
    while not stop():
        try:
            _attempt(options, report, say, stop)
            break
        except (psycopg.OperationalError, Unreachable) as error:
            if options.once or not report.was_connected:
                raise _broken(error) from error
            say(f"Broken off  {_reason(error)}; trying again in {TRY_AGAIN_SECONDS:.0f} s")
            until = time.monotonic() + TRY_AGAIN_SECONDS
            while time.monotonic() < until and not stop():
                time.sleep(0.1)
            if report.has_begun:
                # The copy that was asked for is done.
                options = replace(options, start_over=False)
        except psycopg.Error as error:
            raise _broken(error) from error
    report.seconds = time.monotonic() - began
    return report


def _attempt(options: Options, report: Report, say: Say, stop: Callable[[], bool]) -> None:
    with ExitStack() as stack:
        ordinary = stack.enter_context(source.connected(options.source))
        server, published = source.examine(ordinary, options.publication)
        try:
            replication = stack.enter_context(closing(Replication(options.source)))
        except psycopg.OperationalError as error:
            raise source.unreachable(error) from error
        warehouse = stack.enter_context(_warehouse(options, say))
        ahead = server.clock - time.time()
        if abs(ahead) > CLOCK_TOLERANCE_SECONDS:
            direction = "ahead of" if ahead > 0 else "behind"
            say(
                f"Warning     the clock of the source is {abs(ahead):,.0f} s {direction} this machine's: the times of "
                "commits are as wrong, their order is right; set the clock (NTP)"
            )
        sides = Sides(ordinary, replication, server, replication.identify(), published, warehouse)
        report.was_connected = True
        before = report.copied + report.changes
        stream, slot = begin(sides, options, report, say)
        report.has_begun = True
        try:
            Follower(sides, stream, slot, options, report, say=say, stop=stop).follow()
        finally:
            landed = report.copied + report.changes - before
            if landed and not warehouse.closed:
                ledger.record_landing(warehouse, f"stream {options.slot}", landed, 0)


@contextmanager
def _warehouse(options: Options, say: Say) -> Iterator[psycopg.Connection[TupleRow]]:
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(bronze.prepared(options.warehouse, options.slot, say))
        except psycopg.OperationalError as error:
            remedy = "start it with `python -m scripts.warehouse start`, or check DBT_TARGET and the PG* variables"
            raise Unreachable(f"cannot connect to the warehouse: {_reason(error)}; {remedy}.") from error
        yield connection


def _broken(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    return Refusal(f"the capture broke off: {_reason(error)}. Nothing is lost: run it again.")


def _reason(error: Exception) -> str:
    said = error.message if isinstance(error, Refusal) else str(error)
    return printable(" ".join(said.split()).rstrip("."))
