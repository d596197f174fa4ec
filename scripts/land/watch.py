"""Land files that are dropped into folders, each file once it has stopped growing."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from scripts.errors import Refusal
from scripts.land.files.discovery import Delivery, discover
from scripts.land.results import LandingReport

# A file that has not changed for this time counts as complete. A transfer that pauses for longer should rename its file
# at the end. A file that lands too early is refused if it grows meanwhile, and its whole content lands later as another
# file.
SETTLED_SECONDS = 2.0
LOOK_EVERY_SECONDS = 0.5
# The database may be unavailable for a while.
TRY_AGAIN_SECONDS = 5.0

State = tuple[int, int]


class Watch:
    """The files in the folders: which have settled, and which are done."""

    def __init__(self, folders: Sequence[Path], settled: float = SETTLED_SECONDS) -> None:
        self._folders = folders
        self._settled = settled
        self._since: dict[Path, tuple[State, float]] = {}
        self._done: dict[Path, State] = {}

    def ready(self) -> list[Delivery]:
        """Return the files that have settled and are not done, in the order in which they land."""
        now, found = time.monotonic(), []
        for delivery in discover(self._folders, may_be_empty=True).deliveries:
            if delivery.problem or self._done.get(delivery.path) == delivery.state:
                continue
            before, since = self._since.get(delivery.path, (None, now))
            if before != delivery.state:
                since = now
            self._since[delivery.path] = (delivery.state, since)
            if now - since >= self._settled:
                found.append(delivery)
        return found

    def done(self, deliveries: Sequence[Delivery]) -> None:
        """Record that files are done, until they change."""
        for delivery in deliveries:
            state, _ = self._since.pop(delivery.path)
            self._done[delivery.path] = state


def watch(
    folders: Sequence[Path],
    land: Callable[[Sequence[Delivery]], LandingReport],
    report: Callable[[LandingReport | Refusal], None],
    stop: threading.Event,
) -> None:
    """Land files until `stop` is set. The file at hand lands completely first.

    Args:
        folders: the folders to watch. Files that are already there land as well.
        land: lands files.
        report: receives the result, or the reason why no file could land.
        stop: ends the watch.
    """
    watching = Watch(folders)
    for _ in _occasions(folders, stop):
        ready = watching.ready()
        if not ready:
            continue
        try:
            landing = land(ready)
            watching.done(ready[: len(landing.files)])
            report(landing)
        except Refusal as refusal:
            report(refusal)
            stop.wait(TRY_AGAIN_SECONDS)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Provide an event that SIGINT and SIGTERM set, instead of ending the process."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _occasions(folders: Sequence[Path], stop: threading.Event) -> Iterator[None]:
    """Yield when something changes, and twice a second to check whether files have settled."""
    import watchfiles  # noqa: PLC0415  # needed to watch only

    milliseconds = int(LOOK_EVERY_SECONDS * 1000)
    changes = watchfiles.watch(
        *folders,
        watch_filter=None,
        stop_event=stop,
        rust_timeout=milliseconds,
        yield_on_timeout=True,
        raise_interrupt=False,
        debounce=milliseconds,
    )
    yield
    for _ in changes:
        if stop.is_set():
            return
        yield
