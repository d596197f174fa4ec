"""Draws docs/data_flow.svg, the way of the data from raw files to readers."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import click

from scripts.paths import PROJECT_ROOT

PICTURE = PROJECT_ROOT / "docs" / "data_flow.svg"
TITLE = (
    "Raw files land in bronze; dbt builds silver, history and the candidate; checks guard the release; "
    "readers see gold, and a rollback publishes the previous release again."
)
WIDTH, HEIGHT = 880, 496
SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
PANEL, EDGE, ZONE, INK, SOFT, LINE = "#f7f8fa", "#d5dae1", "#eceff4", "#1d2733", "#4d5a6a", "#6b7a8d"
GOOD, BAD = "#1f7a4d", "#b3402e"

# Four columns of boxes, with an arrow between neighbours.
BOX_WIDTH, BOX_HEIGHT, COLUMN, FIRST = 158, 96, 223, 26
BUILD_Y, RELEASE_Y = 62, 258


@dataclass(frozen=True)
class Box:
    """A place where data lies, or a step that data passes.

    Attributes:
        name: what it is called; schemas by their names in the database.
        notes: two short lines on what it holds.
        column: its place from the left.
        y: its upper edge.
        fill: its colour.
        edge: the colour of its border.
        is_schema: whether the name is that of a schema.
    """

    name: str
    notes: tuple[str, str]
    column: int
    y: int
    fill: str
    edge: str
    is_schema: bool = True

    @property
    def left(self) -> int:
        """The x of the left edge."""
        return FIRST + self.column * COLUMN

    @property
    def middle(self) -> int:
        """The x of the middle."""
        return self.left + BOX_WIDTH // 2

    def drawn(self) -> str:
        """Return the box as SVG."""
        family = MONO if self.is_schema else SANS
        lines = "".join(
            f'<text x="{self.middle}" y="{self.y + 58 + 20 * place}" font-size="14" fill="{SOFT}">{escape(note)}</text>'
            for place, note in enumerate(self.notes)
        )
        return (
            f'<rect x="{self.left}" y="{self.y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="10" '
            f'fill="{self.fill}" stroke="{self.edge}" stroke-width="1.5"/>'
            f'<text x="{self.middle}" y="{self.y + 32}" font-size="17" font-weight="700" font-family="{family}">'
            f"{escape(self.name)}</text>{lines}"
        )


BOXES = (
    Box("raw files", ("CSV, JSON Lines,", "Parquet, XLSX"), 0, BUILD_Y, "#ffffff", "#9aa7b6", False),
    Box("bronze", ("text as delivered,", "each file once"), 1, BUILD_Y, "#f6e3d3", "#b9773f"),
    Box("silver", ("typed, classified,", "bad lines set aside"), 2, BUILD_Y, "#e6e9ee", "#8d99a8"),
    Box("history", ("what was true, and", "when we knew it"), 3, BUILD_Y, "#e5e2f5", "#7a6cc0"),
    Box("gold_candidate", ("the next release,", "built beside gold"), 0, RELEASE_Y, "#fffaf0", "#c99a2e"),
    Box("checks", ("every one of them", "has to pass"), 1, RELEASE_Y, "#e3f3ea", GOOD, False),
    Box("gold", ("all of a release,", "published at once"), 2, RELEASE_Y, "#fbe7b2", "#c99a2e"),
    Box("readers", ("SQL, BI, notebooks", "see one release"), 3, RELEASE_Y, "#ffffff", "#9aa7b6", False),
)


def draw() -> str:
    """Return the picture as the text of an SVG file."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'role="img" font-family="{SANS}" font-size="14" fill="{INK}" text-anchor="middle">',
            f"<title>{escape(TITLE)}</title>",
            f"<defs>{''.join(_head(name, colour) for name, colour in _HEADS.items())}</defs>",
            f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="14" fill="{PANEL}" stroke="{EDGE}"/>',
            *_zones(),
            *_arrows(),
            *(box.drawn() for box in BOXES),
            "</svg>",
            "",
        ]
    )


_HEADS = {"line": LINE, "good": GOOD, "bad": BAD}


def _head(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{colour}"/></marker>'
    )


def _zones() -> Iterable[str]:
    """Yield the two rows and what each is."""
    for y, height, left, name, note in (
        (16, 164, FIRST, "BUILD", "from files in any order; each build works from what changed"),
        (212, 268, FIRST + COLUMN, "RELEASE", "published at one moment, or not at all"),
    ):
        yield f'<rect x="12" y="{y}" width="{WIDTH - 24}" height="{height}" rx="12" fill="{ZONE}"/>'
        yield (
            f'<text x="{left}" y="{y + 28}" text-anchor="start" fill="{SOFT}">'
            f'<tspan font-weight="700" letter-spacing="1">{name}</tspan><tspan dx="10">{note}</tspan></text>'
        )


def _arrows() -> Iterable[str]:
    """Yield the arrows, each with its label."""
    for left, label in zip(BOXES[:3], ("land", "dbt", "dbt"), strict=True):
        yield _right(left, label)
    for left, label, colour in zip(BOXES[4:7], ("", "publish", "read"), ("line", "good", "line"), strict=True):
        yield _right(left, label, colour)
    # From history down, along the gap between the rows, and into the candidate; silver joins on the way.
    gap, below = 196, BUILD_Y + BOX_HEIGHT
    history, silver, candidate, checks, gold = BOXES[3], BOXES[2], BOXES[4], BOXES[5], BOXES[6]
    yield _path(f"M{silver.middle} {below}V{gap}", None)
    yield _path(
        f"M{history.middle} {below}V{gap - 10}Q{history.middle} {gap} {history.middle - 10} {gap}"
        f"H{candidate.middle + 10}Q{candidate.middle} {gap} {candidate.middle} {gap + 10}V{RELEASE_Y - 3}"
    )
    # What happens when a check fails, and after a release that proves wrong.
    bottom, low = RELEASE_Y + BOX_HEIGHT, RELEASE_Y + BOX_HEIGHT + 50
    yield _path(f"M{checks.middle} {bottom + 2}V{low - 3}", "bad")
    yield _label(checks.middle, low + 18, "a check fails:", BAD, 700)
    yield _label(checks.middle, low + 38, "gold does not change", BAD)
    yield (
        f'<rect x="{gold.left}" y="{low}" width="{BOX_WIDTH}" height="52" rx="10" fill="{PANEL}" '
        f'stroke="#c99a2e" stroke-width="1.5" stroke-dasharray="5 4"/>'
    )
    yield _label(gold.middle, low + 31, "previous release", SOFT)
    yield _path(f"M{gold.middle} {low}V{bottom + 3}", "good")
    yield f'<g font-size="13" text-anchor="start">{_label(gold.middle + 12, bottom + 30, "rollback", GOOD, 600)}</g>'


def _right(box: Box, label: str, head: str = "line") -> str:
    y = box.y + BOX_HEIGHT // 2
    start, end = box.left + BOX_WIDTH + 2, box.left + COLUMN - 3
    colour = SOFT if head == "line" else _HEADS[head]
    text = f'<g font-size="13">{_label((start + end) // 2 - 1, y - 9, label, colour, 600)}</g>' if label else ""
    return _path(f"M{start} {y}H{end}", head) + text


def _path(steps: str, head: str | None = "line") -> str:
    end = f' marker-end="url(#{head})"' if head else ""
    return f'<path d="{steps}" fill="none" stroke="{_HEADS[head or "line"]}" stroke-width="2"{end}/>'


def _label(x: int, y: int, text: str, colour: str, weight: int = 400) -> str:
    return f'<text x="{x}" y="{y}" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'


@click.command()
def main() -> None:
    """Draw docs/data_flow.svg again."""
    PICTURE.write_text(draw())
    click.echo(f"{PICTURE.relative_to(PROJECT_ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(prog_name="python -m scripts.pictures.data_flow")
