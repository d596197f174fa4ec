"""Begin: go on where the warehouse is, or copy all tables first. Refuse whatever would lose a change in silence."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from psycopg.rows import TupleRow

from scripts.errors import Refusal
from scripts.stream.cdc import bronze, copying, lsn, source
from scripts.stream.cdc.bronze import Landing, Stream
from scripts.stream.cdc.options import Options, Report, Say
from scripts.stream.cdc.replication import Identity, Replication
from scripts.stream.cdc.source import PublishedTable, Server, Slot

# The walsender of a capture that was killed a moment ago ends when it notices.
PATIENCE_SECONDS = 10.0
START_OVER = "start over with --start-over, which copies all tables again"


class Sides(NamedTuple):
    """The connections to both sides, and what the source offers.

    Attributes:
        source: an ordinary connection to the source, in autocommit mode.
        replication: the replication connection to the source.
        server: what the source says of itself.
        identity: which server it is.
        published: the tables of the publication.
        warehouse: a connection that may land changes.
    """

    source: psycopg.Connection[TupleRow]
    replication: Replication
    server: Server
    identity: Identity
    published: Sequence[PublishedTable]
    warehouse: psycopg.Connection[TupleRow]


def begin(sides: Sides, options: Options, report: Report, say: Say) -> tuple[Stream, Slot]:
    """Return the stream to go on with, and its slot, after an initial copy if there was none.

    Raises:
        Refusal: changes would be missing, or the slot is not ours.
    """
    stream = bronze.known(sides.warehouse, options.slot)
    slot = source.slot_of(sides.source, options.slot)
    if stream and stream.position and not options.start_over:
        slot = _check(stream, slot, sides, options)
    else:
        if slot:
            _drop(slot, stream, sides, options)
        stream = _copy(stream, sides, options, report, say)
        slot = source.slot_of(sides.source, options.slot)
    assert slot
    return stream, slot


def _check(stream: Stream, slot: Slot | None, sides: Sides, options: Options) -> Slot:
    """Check that the slot goes on exactly where the warehouse is."""
    assert stream.position
    name, position = options.slot, lsn.parsed(stream.position)
    if stream.system != sides.identity.system or stream.database != sides.server.database:
        raise Refusal(
            f"the slot {name} landed from the server {stream.system}, database {stream.database}, and this source is "
            f"{sides.identity.system}, database {sides.server.database}: check the URL, name another --slot for "
            f"another source, or {START_OVER}."
        )
    if sides.identity.position < position:
        raise Refusal(
            f"the source is at {lsn.text(sides.identity.position)}, before {stream.position}, up to which it has "
            f"landed: it was restored to an earlier time. If that is meant, {START_OVER}."
        )
    if slot is None:
        raise Refusal(
            f"the slot {name} is gone from the source, and with it the changes since {stream.position}: {START_OVER}."
        )
    source.check_slot(slot, name, sides.server)
    slot = _wait_until_free(slot, sides, options)
    if slot.confirmed_lsn > position:
        raise Refusal(
            f"the slot {name} was read up to {slot.confirmed}, and the warehouse has landed up to {stream.position}: "
            f"another reader took the changes between, or the warehouse was restored. Give each reader a slot, and "
            f"{START_OVER}."
        )
    landed = {table.oid: table for table in bronze.tables_of(sides.warehouse, name, stream.copy_number)}
    published = {table.oid: table for table in sides.published}
    for oid in published.keys() - landed.keys():
        raise Refusal(added(published[oid].relation, options.publication))
    for oid in landed.keys() - published.keys():
        raise Refusal(
            f"the table {landed[oid].source_name} has left the publication {options.publication}, so its changes are "
            f"missing: if that is meant, {START_OVER}."
        )
    if stream.publication != options.publication:
        raise Refusal(
            f"the slot {name} landed from the publication {stream.publication}, not {options.publication}: name the "
            f"former with --publication, or {START_OVER}."
        )
    return slot


def added(relation: str, publication: str) -> str:
    """Return what to say about a table that was published after the initial copy."""
    return (
        f"the table {relation} was added to the publication {publication} after the initial copy, so its earlier rows "
        f"are missing: run `alter publication {publication} drop table {relation}`, or {START_OVER}."
    )


def _drop(slot: Slot, stream: Stream | None, sides: Sides, options: Options) -> None:
    """Drop the slot that a killed initial copy left behind, or that is to start over."""
    name = options.slot
    if stream is None and not options.start_over:
        raise Refusal(
            f"the slot {name} exists in the source, and this warehouse has never read it: it may be of another reader. "
            f"Name another with --slot, or, if nobody needs it, run `select pg_drop_replication_slot('{name}')` there."
        )
    if slot.plugin != "pgoutput" or slot.database != sides.server.database:
        source.check_slot(slot, name, sides.server)
    _wait_until_free(slot, sides, options)
    sides.replication.drop_slot(name)


def _wait_until_free(slot: Slot, sides: Sides, options: Options) -> Slot:
    found: Slot | None = slot
    deadline = time.monotonic() + PATIENCE_SECONDS
    while found and found.active_pid:
        if time.monotonic() > deadline:
            raise Refusal(
                f"the slot {options.slot} is read by process {found.active_pid} of the source: stop that reader, or "
                f"end it with `select pg_terminate_backend({found.active_pid})` there; each reader needs its own slot."
            )
        time.sleep(0.05)
        found = source.slot_of(sides.source, options.slot)
    if found is None:
        raise Refusal(f"the slot {options.slot} has just been dropped by someone else: {START_OVER}.")
    return found


def _copy(stream: Stream | None, sides: Sides, options: Options, report: Report, say: Say) -> Stream:
    """Make the slot, and land all rows as of its first position."""
    number = stream.copy_number + bool(stream.position) if stream else 1
    new = Stream(number, options.publication, sides.identity.system, sides.server.database, None, None, None)
    bronze.announce(sides.warehouse, options.slot, new)
    position, snapshot = sides.replication.create_slot(options.slot)
    landing = Landing(sides.warehouse, options.slot, number, None)
    report.copied += copying.copy(
        sides.source,
        sides.published,
        landing,
        slot=options.slot,
        copy_number=number,
        position=position,
        snapshot=snapshot,
        say=say,
    )
    return new._replace(position=lsn.text(position))
