"""Land what is dropped into folders, each file once it has stopped growing."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from scripts.errors import Refusal
from scripts.land.discovery import Delivery, discover
from scripts.land.results import LandingReport

# A file that has not grown for so long is taken for complete; a transfer that pauses for longer should be renamed at
# its end. Should one be taken too early all the same, it is refused if it grows while it lands, and its whole
# content lands later as another file.
SETTLED_SECONDS = 2.0
LOOK_EVERY_SECONDS = 0.5
# The database may be away for a while; the files are not.
TRY_AGAIN_SECONDS = 5.0

State = tuple[int, int]


class Watch:
    """What is known of the files in the folders: which have settled, and which have been seen to the end."""

    def __init__(self, folders: Sequence[Path], settled: float = SETTLED_SECONDS) -> None:
        self._folders = folders
        self._settled = settled
        self._since: dict[Path, tuple[State, float]] = {}
        self._done: dict[Path, State] = {}

    def ready(self) -> list[Delivery]:
        """Return the files that have settled and are not done, in the order in which they land."""
        now, found = time.monotonic(), []
        for delivery in discover(self._folders, may_be_empty=True).deliveries:
            state = _state(delivery.path)
            if state is None or self._done.get(delivery.path) == state:
                continue
            before, since = self._since.get(delivery.path, (None, now))
            if before != state:
                since = now
            self._since[delivery.path] = (state, since)
            if now - since >= self._settled:
                found.append(delivery)
        return found

    def done(self, deliveries: Sequence[Delivery]) -> None:
        """Take note that files have been dealt with, until they change."""
        for delivery in deliveries:
            state, _ = self._since.pop(delivery.path)
            self._done[delivery.path] = state


def watch(
    folders: Sequence[Path],
    land: Callable[[Sequence[Delivery]], LandingReport],
    tell: Callable[[LandingReport | Refusal], None],
    stop: threading.Event,
) -> None:
    """Land files until told to stop; the file at hand is landed to its end first.

    Args:
        folders: where files are dropped. What is in there already is landed, too.
        land: lands files.
        tell: hears what became of them, or why nothing could be landed for now.
        stop: ends it.
    """
    watching = Watch(folders)
    for _ in _occasions(folders, stop):
        ready = watching.ready()
        if not ready:
            continue
        try:
            report = land(ready)
            watching.done(ready[: len(report.files)])
            tell(report)
        except Refusal as refusal:
            tell(refusal)
            stop.wait(TRY_AGAIN_SECONDS)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Offer an event that SIGINT and SIGTERM set, in place of what they do otherwise."""
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
    """Come back at once when something changes, and twice a second to see whether it has settled."""
    import watchfiles  # noqa: PLC0415  # needed here only

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


def _state(path: Path) -> State | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_size, found.st_mtime_ns
    return None
