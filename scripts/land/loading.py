"""Land files and folders: find them, prepare the database, land them in their order."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path

import psycopg

from scripts.errors import Refusal, printable
from scripts.land import courier
from scripts.land.bronze import ledger
from scripts.land.bronze.session import connect, prepared
from scripts.land.contract import CONTRACT, read_contract
from scripts.land.files.discovery import Delivery, Discovery, discover
from scripts.land.lander import Lander
from scripts.land.progress import Progress, Silent
from scripts.land.readers import apart
from scripts.land.results import FileResult, LandingReport

MAX_REJECT_SHARE = 0.01


def land(
    paths: Sequence[Path] | Discovery,
    connection_url: str,
    *,
    contract: Path = CONTRACT,
    max_reject_share: float = MAX_REJECT_SHARE,
    encoding: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> LandingReport:
    """Land files and folders in the bronze schema.

    A file that cannot land leaves nothing behind, and the others still land. When this function returns, all landed
    files are on disk.

    Args:
        paths: files and folders in the order in which they land, or the result of an earlier search.
        connection_url: the database, as a libpq URI.
        contract: the sources file with the contract.
        max_reject_share: the share of rejected rows, from 0 to 1, above which a file is refused as a whole.
        encoding: the encoding of the text files; detected for each file when omitted.
        dry_run: whether to roll everything back at the end. The report says what would happen.
        progress: the listener for progress.
        stop: asked before each file whether to leave the rest for later.

    Raises:
        Refusal: no file can land, because of the paths, the contract or the database.
    """
    began = time.perf_counter()
    progress = progress or Silent()
    agreed = read_contract(contract)
    discovery = paths if isinstance(paths, Discovery) else discover(paths)
    try:
        with connect(connection_url) as connection:
            with prepared(connection, agreed, dry_run=dry_run):
                sizes = [delivery.size for delivery in discovery.deliveries if not delivery.problem]
                known = ledger.Known(connection, sizes)
                lander = Lander(connection, agreed, max_reject_share, encoding, progress, known)
                progress.start(sum(sizes))
                files = list(_land_all(lander, discovery.deliveries, progress, stop, dry_run=dry_run))
                files += [FileResult(name, "refused", reason) for name, reason in discovery.unreadable]
                if not dry_run:
                    refused = [(file.name, file.detail) for file in files if file.outcome == "refused"]
                    if refused:
                        ledger.record_refusals(connection, refused)
                    rows = sum(file.rows_loaded for file in files)
                    if refused or any(file.outcome == "landed" for file in files):
                        ledger.record_landing(connection, "land", rows, len(refused))
            if not dry_run and any(file.outcome == "landed" for file in files):
                ledger.make_durable(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        reason = " ".join(str(error).split())
        raise Refusal(f"{reason}: grant the user `create` on the database, or let its owner land first.") from error
    except psycopg.Error as error:
        raise Refusal(f"the database gave up: {' '.join(str(error).split()).rstrip('.')}. Run it again.") from error
    finally:
        apart.dismiss()
    return LandingReport(files, discovery.passed_over, time.perf_counter() - began)


def _land_all(
    lander: Lander,
    deliveries: Sequence[Delivery],
    progress: Progress,
    stop: Callable[[], bool],
    *,
    dry_run: bool,
) -> Iterator[FileResult]:
    readable = takewhile(lambda _: not stop(), (delivery for delivery in deliveries if not delivery.problem))
    # A dry run is one transaction, so the courier could not commit within it.
    results = map(lander.land, readable) if dry_run else courier.deliver(lander, readable)
    for delivery in deliveries:
        if delivery.problem:
            yield FileResult(delivery.name, "refused", delivery.problem)
            continue
        try:
            result = next(results, None)
        except psycopg.Error as error:
            # The server quotes the row at which it stopped.
            reason = printable(" ".join(str(error).split()))
            raise Refusal(
                f"{delivery.name}: the database gave up: {reason}; what landed before stays, and the same command "
                "goes on from there."
            ) from error
        if result is None:
            return
        if result.outcome == "skipped":
            progress.advance(result.name, delivery.size, 0)
        elif result.file_id:
            lander.known.add(delivery.size, result.sha256, result.name)
        yield result
