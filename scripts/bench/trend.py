"""The page of the history of measurements: `make bench-history` writes docs/bench_history.md and its picture.

Every figure is a ratio to the reference script, which ran on the same machine in the same run. So commits that were
measured on different machines stand side by side.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import click

from scripts.bench import history, ranks
from scripts.bench.history import Measurement
from scripts.paths import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "bench_history.md"
PICTURE = PROJECT_ROOT / "docs" / "bench_history.svg"
HEAD = """\
# History of measurements

`make bench` adds each round to [`bench/history.jsonl`](../bench/history.jsonl) and draws this page;
`make bench-history` draws it again, so do not edit it. Each figure is the time as a multiple of the
[reference script](../scripts/bench/reference.sql), which ran on the same machine in the same run. So figures of
different machines can be compared.
[Benchmarks](benchmarks.md#history-and-regressions) describe the test that tells a regression from noise.
"""
WIDTH, PANEL, GAP = 960, 150, 54
LEFT, RIGHT, TOP = 64, 24, 20
# The last commits of each series that are drawn.
COMMITS = 30
DOT, LINE = "#56b4e9", "#b0124f"

Series = tuple[str, str, int]
Rounds = Mapping[str, Sequence[Measurement]]


@click.command()
def main() -> None:
    """Draw the page of the history again."""
    found = history.read()
    write(found)
    click.echo(f"Written     {PAGE.relative_to(PROJECT_ROOT)}, {len(found):,} measurements")


def write(found: Sequence[Measurement], page: Path = PAGE, picture: Path = PICTURE) -> None:
    """Write the page and its picture.

    Args:
        found: the measurements.
        page: the file of the page.
        picture: the file of the picture.
    """
    page.write_text(text(found, picture.name))
    picture.write_text(draw(found))


def by_series(found: Sequence[Measurement]) -> dict[Series, dict[str, list[Measurement]]]:
    """Return the measurements of each series by version, each in the order of the file."""
    grouped: dict[Series, dict[str, list[Measurement]]] = {}
    for each in found:
        if each.what != history.REFERENCE:
            grouped.setdefault(each.series, {}).setdefault(each.version, []).append(each)
    return dict(sorted(grouped.items()))


def text(found: Sequence[Measurement], picture: str) -> str:
    """Return the page.

    Args:
        found: the measurements.
        picture: the name of the picture.
    """
    grouped = by_series(found)
    last_two = {
        series: ([each.ratio for each in before], [each.ratio for each in last])
        for series, versions in grouped.items()
        if len(versions) > 1
        for before, last in [list(versions.values())[-2:]]
    }
    differences = ranks.compare(last_two)
    lines = [HEAD]
    if not grouped:
        return "\n".join([*lines, "Nothing was measured yet.", ""])
    lines += [f"![The ratio of each measurement to the reference script, by commit]({picture})", ""]
    lines += ["| part | what | lines | commit | rounds | times the reference | CPU | compared with the commit before |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for (part, what, rows), versions in grouped.items():
        version, rounds = list(versions.items())[-1]
        cpus = [each.cpu / each.reference_cpu for each in rounds if each.cpu and each.reference_cpu]
        cpu = f"{statistics.median(cpus):.2f}" if cpus else ""
        ratio = statistics.median(each.ratio for each in rounds)
        difference = differences.get((part, what, rows))
        verdict = in_words(difference) if difference else "measured once"
        lines.append(f"| {part} | {what} | {rows:,} | `{version}` | {len(rounds)} | {ratio:.2f} | {cpu} | {verdict} |")
    machines = sorted({f"{each.cpu_model}, {each.cores} cores, {each.memory_gb:g} GB" for each in found})
    lines += ["", "A `+` behind a commit: files differed from it. Machines: " + "; ".join(machines) + ".", ""]
    return "\n".join(lines)


def in_words(difference: ranks.Difference) -> str:
    """Return a difference as a phrase."""
    first, second = difference.rounds
    told = f"{difference.verdict}: {difference.effect:+.1%} ({first} and {second} rounds, p {difference.adjusted:.2g})"
    if difference.verdict != "not told apart from noise":
        return told
    if math.isinf(difference.shown):
        return f"{told}; these rounds are too few to show any"
    return f"{told}; these rounds show {difference.shown:.1%} and more"


def draw(found: Sequence[Measurement]) -> str:
    """Return the picture as the text of an SVG file: a panel for each series, a dot for each round.

    Args:
        found: the measurements.
    """
    grouped = by_series(found)
    height = TOP + len(grouped) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="11" fill="#1a1a1a">',
        "<title>Times of the reference script, by commit</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for place, (series, versions) in enumerate(grouped.items()):
        parts += _panel(series, dict(list(versions.items())[-COMMITS:]), TOP + place * (PANEL + GAP))
    return "\n".join([*parts, "</svg>", ""])


def _panel(series: Series, versions: Rounds, top: int) -> Iterator[str]:
    part, what, rows = series
    highest = 1.1 * max(each.ratio for rounds in versions.values() for each in rounds)
    bottom = top + 20 + PANEL - 40

    def y(ratio: float) -> float:
        return bottom - (bottom - top - 20) * ratio / highest

    yield f'<text x="{LEFT}" y="{top + 10}" font-weight="600">{escape(f"{part}: {what}, {rows:,} lines")}</text>'
    for ratio in (0.0, highest / 2.2, highest / 1.1):
        yield f'<line x1="{LEFT}" y1="{y(ratio):.1f}" x2="{WIDTH - RIGHT}" y2="{y(ratio):.1f}" stroke="#e3e5e8"/>'
        yield f'<text x="{LEFT - 8}" y="{y(ratio) + 4:.1f}" text-anchor="end">{ratio:.2f}</text>'
    step = (WIDTH - LEFT - RIGHT) / len(versions)
    line = []
    for place, (version, rounds) in enumerate(versions.items()):
        x = LEFT + (place + 0.5) * step
        middle = statistics.median(each.ratio for each in rounds)
        line.append(f"{x:.1f},{y(middle):.1f}")
        for each in rounds:
            told = f"{version}, {each.at[:10]}: {each.seconds:.2f} s, reference {each.reference:.2f} s"
            yield (
                f'<circle cx="{x:.1f}" cy="{y(each.ratio):.1f}" r="3" fill="{DOT}" fill-opacity="0.7">'
                f"<title>{escape(told)}</title></circle>"
            )
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{escape(version)}</text>'
    yield f'<polyline points="{" ".join(line)}" fill="none" stroke="{LINE}" stroke-width="1.5"/>'


if __name__ == "__main__":
    main(prog_name="python -m scripts.bench.trend")
