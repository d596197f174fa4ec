"""What the adviser finds: what was asked, what would make it faster, and what nobody asks."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """A query that was asked."""

    query: str
    reads: tuple[str, ...]
    calls: int
    total_ms: float
    mean_ms: float
    share: float
    sampled_ms: float | None = None


@dataclass(frozen=True)
class Faster:
    """A query that becomes faster, timed with sample values before and after."""

    query: str
    calls: int
    before_ms: float
    after_ms: float
    saved_ms: float


@dataclass(frozen=True)
class IndexAdvice:
    """An index that would pay."""

    table: str
    columns: tuple[str, ...]
    faster: tuple[Faster, ...]
    saved_ms: float
    share: float
    bytes: int
    make_ms: float
    write_what: str
    write_without_ms: float | None
    write_with_ms: float | None
    model: str | None
    config: str


@dataclass(frozen=True)
class ViewAdvice:
    """A published view, and what it would gain if its rows were stored."""

    name: str
    faster: tuple[Faster, ...]
    saved_ms: float
    share: float
    bytes: int
    write_ms: float
    releases: int
    indexed: tuple[str, ...]
    pays: bool


@dataclass(frozen=True)
class Unasked:
    """A published relation that no query has read."""

    name: str
    is_stored: bool
    bytes: int


@dataclass
class Advice:
    """All advice.

    Attributes:
        since: since when queries are counted.
        queries: how many queries read the published schema.
        total_ms: the time that all of them took.
        asked: the queries that took most, in all or each time.
        indexes: the indexes that would pay, the greatest gain first.
        views: the published views whose queries take much of the time.
        unasked: the published relations that no query has read.
        left_out: the queries, indexes and views that could not be tried, each with the reason.
    """

    since: str
    queries: int = 0
    total_ms: float = 0.0
    asked: list[Line] = field(default_factory=list)
    indexes: list[IndexAdvice] = field(default_factory=list)
    views: list[ViewAdvice] = field(default_factory=list)
    unasked: list[Unasked] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
