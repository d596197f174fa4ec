"""Land files and folders: which, with what, and in which order."""

import time
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path

import psycopg

from scripts.errors import Refusal
from scripts.land import courier, ledger
from scripts.land.candidate import Candidate, look_at
from scripts.land.contract import CONTRACT, read_contract
from scripts.land.discovery import Discovery, discover
from scripts.land.lander import Lander
from scripts.land.progress import Progress, Silent
from scripts.land.results import FileResult, LandingReport, refusals
from scripts.land.session import connect, readied

__all__ = ["MAX_REJECT_SHARE", "LandingReport", "Progress", "land", "refusals"]

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

    A file that cannot be landed leaves nothing behind and does not keep the others from landing. When this
    returns, what has landed is on disk.

    Args:
        paths: files and folders, in the order in which they count, or what has been found of them.
        connection_url: the database, as a libpq URI.
        contract: the sources file that says what may land.
        max_reject_share: the share of broken rows, from 0 to 1, above which a file is refused as a whole.
        encoding: how the text files are encoded; found out for each when omitted.
        dry_run: whether to take everything back at the end: the report says what would happen.
        progress: who wants to know how far it is.
        stop: asked after each file whether to leave the others for later.

    Raises:
        Refusal: nothing can be landed: the paths, the contract or the database are at fault.
    """
    began = time.perf_counter()
    progress = progress or Silent()
    agreed = read_contract(contract)
    discovery = paths if isinstance(paths, Discovery) else discover(paths)
    try:
        with connect(connection_url) as connection:
            with readied(connection, agreed, dry_run=dry_run):
                looked_at = [look_at(delivery) for delivery in discovery.deliveries]
                sizes = [candidate.size for candidate in looked_at if isinstance(candidate, Candidate)]
                known = ledger.Known(connection, sizes)
                lander = Lander(connection, agreed, max_reject_share, encoding, progress, known)
                progress.start(sum(sizes))
                files = _land_all(lander, looked_at, progress, stop, dry_run=dry_run)
                files += [FileResult(name, "refused", reason) for name, reason in discovery.unreadable]
            if not dry_run and any(file.outcome == "landed" for file in files):
                ledger.make_durable(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        reason = " ".join(str(error).split())
        raise Refusal(f"{reason}: grant the user `create` on the database, or let its owner land first.") from error
    except psycopg.Error as error:
        raise Refusal(f"the database gave up: {' '.join(str(error).split()).rstrip('.')}. Run it again.") from error
    return LandingReport(files, discovery.passed_over, time.perf_counter() - began)


def _land_all(
    lander: Lander,
    looked_at: Sequence[Candidate | FileResult],
    progress: Progress,
    stop: Callable[[], bool],
    *,
    dry_run: bool,
) -> list[FileResult]:
    candidates = takewhile(lambda _: not stop(), (file for file in looked_at if isinstance(file, Candidate)))
    # Within a transaction that is taken back at the end, there is none to commit.
    ended = map(lander.land, candidates) if dry_run else courier.deliver(lander, candidates)
    results = []
    for candidate in looked_at:
        if isinstance(candidate, FileResult):
            results.append(candidate)
            continue
        try:
            result = next(ended, None)
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            raise Refusal(
                f"{candidate.name}: the database gave up: {reason}; what landed before stays, and the same command "
                "goes on from there."
            ) from error
        if result is None:
            break
        if result.outcome == "skipped":
            progress.advance(result.name, candidate.size, 0)
        elif result.file_id:
            lander.known.add(candidate.size, result.sha256, result.name)
        results.append(result)
    return results
