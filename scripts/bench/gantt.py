"""Draw a build as one SVG file without external resources, which any browser shows.

The picture has a row for the process, one for the loader and one for each thread of dbt. A bar spans each step or node
from start to end, coloured by kind; the critical path is outlined. A tooltip shows the name and duration of a bar.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import count

from scripts.bench.timeline import Bar, critical_path, shifted

# Most colour-blind readers can distinguish these colours (after Okabe and Ito); dark text is legible on all of them.
COLOURS = {
    "start-up": "#c9ccd1",
    "landing": "#e69f00",
    "seed": "#d9c27a",
    "stable_view": "#b9e0f2",
    "published_view": "#d6ebd0",
    "table": "#56b4e9",
    "incremental_by_key": "#7fc8a9",
    "incremental_by_partition": "#3ba58c",
    "snapshot": "#cc9ac0",
    "function": "#f3b98a",
    "test": "#f0e442",
    "hook": "#a7a9e0",
}
OTHER_COLOUR = "#ffffff"
CRITICAL = "#b0124f"

LEFT, RIGHT, TOP, BOTTOM = 96, 24, 74, 40
WIDTH, LANE_HEIGHT, BAR_HEIGHT = 1_400, 30, 22
LETTER = 6.1
NARROWEST_LABEL = 3
# The axis has at least this many grid lines.
TICKS = 8
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)


def lanes(bars: Iterable[Bar]) -> list[tuple[str, list[Bar]]]:
    """Arrange bars in rows, so that no two bars of a row overlap.

    Args:
        bars: all bars of a build.

    Returns:
        Each row with the name of its lane, in the order in which the lanes began. A lane whose bars overlap has more
        than one row.
    """
    rows: list[tuple[str, list[Bar]]] = []
    for bar in sorted(bars, key=lambda bar: (bar.began, bar.ended)):
        free = (row for lane, row in rows if lane == bar.lane and row[-1].ended <= bar.began)
        row = next(free, None)
        if row is None:
            rows.append((bar.lane, [bar]))
        else:
            row.append(bar)
    order = {lane: place for place, lane in reversed(list(enumerate(lane for lane, _ in rows)))}
    return sorted(rows, key=lambda row: order[row[0]])


def draw(bars: Sequence[Bar], title: str) -> str:
    """Return the picture as the text of an SVG file.

    Args:
        bars: all bars of a build, on any clock.
        title: the name of the build.
    """
    bars = shifted(bars)
    critical = critical_path(bars)
    rows = lanes(bars)
    end = max((bar.ended for bar in bars), default=1.0) or 1.0
    height = TOP + len(rows) * LANE_HEIGHT + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="#1a1a1a">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="16" font-weight="600">{escape(title)}</text>',
        *_legend(bars),
        *_axis(end, height),
    ]
    for number, (lane, row) in enumerate(rows):
        top = TOP + number * LANE_HEIGHT
        parts.append(f'<text x="{LEFT - 10}" y="{top + 15}" text-anchor="end">{escape(lane)}</text>')
        parts += [_bar(bar, top, end, is_critical=bar in critical) for bar in row]
    return "\n".join([*parts, "</svg>", ""])


def _x(seconds: float, end: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * seconds / end


def _bar(bar: Bar, top: int, end: float, *, is_critical: bool) -> str:
    left, right = _x(bar.began, end), _x(bar.ended, end)
    width = max(right - left, 0.5)
    told = [f"{bar.kind} {bar.name}: {bar.seconds:.3f} s, from {bar.began:.2f} s to {bar.ended:.2f} s"]
    told += [bar.detail] if bar.detail else []
    told += ["the end waited for it"] if is_critical else []
    line = f' stroke="{CRITICAL}" stroke-width="2"' if is_critical else ' stroke="#ffffff" stroke-width="0.5"'
    letters = int((width - 6) / LETTER)
    label = bar.name if len(bar.name) <= letters else f"{bar.name[: letters - 1]}…"
    text = f'<text x="{left + 3:.1f}" y="{top + 15}" pointer-events="none">{escape(label)}</text>'
    return (
        f"<g><title>{escape(chr(10).join(told))}</title>"
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2" '
        f'fill="{COLOURS.get(bar.kind, OTHER_COLOUR)}"{line}/>'
        f"{text if letters >= NARROWEST_LABEL else ''}</g>"
    )


def _axis(end: float, height: int) -> Iterator[str]:
    step = next((step for step in reversed(STEPS) if end / step >= TICKS), STEPS[0])
    bottom = height - BOTTOM
    for number in count():
        seconds = number * step
        if seconds > end:
            return
        x = _x(seconds, end)
        yield f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}" stroke="#e3e5e8"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{seconds:g} s</text>'


def _legend(bars: Iterable[Bar]) -> Iterator[str]:
    kinds = sorted({bar.kind for bar in bars}, key=lambda kind: ([*COLOURS, kind].index(kind), kind))
    x = float(LEFT)
    for kind, fill, line in [
        *((kind, COLOURS.get(kind, OTHER_COLOUR), "#ffffff") for kind in kinds),
        ("what the end waited for", OTHER_COLOUR, CRITICAL),
    ]:
        yield f'<rect x="{x:.0f}" y="36" width="14" height="14" rx="2" fill="{fill}" stroke="{line}" stroke-width="2"/>'
        yield f'<text x="{x + 20:.0f}" y="47">{escape(kind)}</text>'
        x += 20 + LETTER * len(kind) + 22
