"""Draws a recorded terminal as an animated SVG: CSS keyframes only, so that it plays where scripts are blocked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

COLUMNS = 98
FONT_SIZE, LINE_HEIGHT = 14, 20
# The width of a letter in most monospaced fonts, as a share of the font size.
LETTER = 0.6
LEFT, TOP, BOTTOM = 22, 64, 16
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
PANEL, BAR, EDGE = "#0f1623", "#1a2435", "#2c3a52"
TEXT, DIM, PROMPT, COMMAND = "#c8d3e3", "#8593a8", "#5cc8a1", "#ffffff"
TONES = {"good": "#5cc8a1", "bad": "#ff8a7a"}
PROMPT_SIGN = "$ "

# Seconds.
TYPING_A_LETTER, BEFORE_TYPING, AFTER_TYPING = 0.012, 0.4, 0.3
LONGEST_WAIT, SHORTEST_WAIT = 1.0, 0.04
READING_A_SCENE, READING_A_LINE = 1.6, 0.1
# A command that took less is not followed by its time.
WORTH_TELLING = 0.5


@dataclass(frozen=True)
class Line:
    """A line of output, and the seconds from the start of its command to its arrival."""

    at: float
    text: str


@dataclass(frozen=True)
class Command:
    """A recorded command.

    Attributes:
        typed: the command.
        lines: what it printed.
        seconds: how long it took.
        succeeded: whether its exit code was 0.
        most_lines: how many lines of its output are drawn; the number of the others is drawn in their place.
    """

    typed: str
    lines: Sequence[Line]
    seconds: float
    succeeded: bool
    most_lines: int


@dataclass(frozen=True)
class Scene:
    """Commands that fill one screen, and the caption above them."""

    caption: str
    commands: Sequence[Command]


@dataclass
class _Row:
    """A line on the screen of a scene; a command is typed, anything else appears."""

    at: float
    spans: list[tuple[str, str]]
    typed: str = ""


@dataclass
class _Screen:
    caption: str
    began: float
    rows: list[_Row] = field(default_factory=list)
    ended: float = 0.0


def draw(scenes: Sequence[Scene], title: str) -> str:
    """Return the animation as the text of an SVG file.

    Args:
        scenes: what was recorded; each has the whole screen, and waits in it are shortened.
        title: what the animation shows, for readers who cannot see it.
    """
    screens = list(_screens(scenes))
    total = screens[-1].ended
    width = round(2 * LEFT + COLUMNS * FONT_SIZE * LETTER)
    height = TOP + max(len(screen.rows) for screen in screens) * LINE_HEIGHT + BOTTOM
    styles, groups = [], []
    for number, screen in enumerate(screens, 1):
        styles.append(_visible(f"s{number}", screen.began, screen.ended, total))
        parts = []
        for place, row in enumerate(screen.rows):
            name = f"s{number}r{place}"
            y = TOP + place * LINE_HEIGHT + FONT_SIZE
            text = "".join(f'<tspan class="{tone}">{escape(words)}</tspan>' for tone, words in row.spans)
            parts.append(f'<text id="{name}" x="{LEFT}" y="{y}">{text}</text>')
            styles.append(_visible(name, row.at, None, total))
            if row.typed:
                parts.append(_cover(f"{name}c", row, y, width))
                styles.append(_typing(f"{name}c", row, total))
        caption = (
            f'<text class="caption" x="{LEFT + 66}" y="28">{number}. {escape(screen.caption)}</text>'
            f'<text class="step" x="{width - LEFT}" y="28" text-anchor="end">{number} of {len(screens)}</text>'
        )
        groups.append(f'<g id="s{number}">{caption}{"".join(parts)}</g>')
    lights = "".join(f'<circle cx="{LEFT + 4 + 18 * place}" cy="23" r="5.5" fill="{EDGE}"/>' for place in range(3))
    tones = "".join(f".{tone}{{fill:{colour}}}" for tone, colour in TONES.items())
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" font-family="{FONTS}" font-size="{FONT_SIZE}">',
            f"<title>{escape(title)}</title>",
            "<style>",
            f"text{{white-space:pre;fill:{TEXT}}}",
            f".caption{{font-weight:600;fill:{COMMAND}}}.step,.dim{{fill:{DIM}}}.prompt{{fill:{PROMPT}}}"
            f".command{{fill:{COMMAND};font-weight:600}}{tones}",
            # What is shown where nothing moves: the last screen.
            f"g{{opacity:0}}#s{len(screens)}{{opacity:1}}.cover{{transform:translateX({width}px)}}",
            f"g,g>*{{animation:{total:.2f}s linear infinite}}",
            *styles,
            "@media (prefers-reduced-motion:reduce){g,g>*{animation:none!important}}",
            "</style>",
            f'<rect width="{width}" height="{height}" rx="10" fill="{PANEL}"/>',
            f'<path d="M0 46V10A10 10 0 0 1 10 0H{width - 10}A10 10 0 0 1 {width} 10V46Z" fill="{BAR}"/>',
            lights,
            *groups,
            f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="10" fill="none" stroke="{EDGE}"/>',
            "</svg>",
            "",
        ]
    )


def _screens(scenes: Sequence[Scene]) -> Iterator[_Screen]:
    """Lay the scenes on one clock, with waits shortened and time to read each screen."""
    now = 0.0
    for scene in scenes:
        screen = _Screen(scene.caption, now)
        for command in scene.commands:
            if screen.rows:
                screen.rows.append(_Row(now, []))
            now += BEFORE_TYPING
            screen.rows.append(_Row(now, [("prompt", PROMPT_SIGN), ("command", command.typed)], command.typed))
            now += len(command.typed) * TYPING_A_LETTER + AFTER_TYPING
            before = 0.0
            for line in command.lines[: command.most_lines]:
                now += min(max(line.at - before, SHORTEST_WAIT), LONGEST_WAIT)
                before = line.at
                screen.rows.append(_Row(now, [("", _cut(line.text))]))
            if (left_out := len(command.lines) - command.most_lines) > 0:
                now += SHORTEST_WAIT
                screen.rows.append(_Row(now, [("dim", f"... {left_out} more lines")]))
            now += min(max(command.seconds - before, SHORTEST_WAIT), LONGEST_WAIT)
            if command.seconds > WORTH_TELLING:
                tone, result = ("good", "done") if command.succeeded else ("bad", "failed")
                screen.rows.append(_Row(now, [(tone, result), ("dim", f" in {command.seconds:.1f} s")]))
        now += READING_A_SCENE + READING_A_LINE * len(screen.rows)
        screen.ended = now
        yield screen


def _cut(text: str) -> str:
    return text if len(text) <= COLUMNS else f"{text[: COLUMNS - 1]}…"


def _visible(name: str, since: float, until: float | None, total: float) -> str:
    """Return the style that shows an element from one moment to another, or to the end of the loop."""
    begins, ends = _share(since, total), None if until is None or until >= total else _share(until, total)
    frames = "0%{opacity:1}" if begins == "0%" else f"0%{{opacity:0}}{begins}{{opacity:1}}"
    frames += f"{ends},to{{opacity:0}}" if ends else "to{opacity:1}"
    return f"#{name}{{animation-name:{name};animation-timing-function:step-end}}@keyframes {name}{{{frames}}}"


def _cover(name: str, row: _Row, y: int, width: int) -> str:
    """Return the rectangle in front of a command, which uncovers it letter by letter."""
    left = round(LEFT + len(PROMPT_SIGN) * FONT_SIZE * LETTER)
    place = f'x="{left}" y="{y - FONT_SIZE}" width="{width - left - 4}" height="{LINE_HEIGHT}"'
    return f'<rect id="{name}" class="cover" {place} fill="{PANEL}"/>'


def _typing(name: str, row: _Row, total: float) -> str:
    letters = len(row.typed)
    begins, ends = _share(row.at, total), _share(row.at + letters * TYPING_A_LETTER, total)
    moved = round(letters * FONT_SIZE * LETTER)
    frames = f"0%,{begins}{{transform:none;animation-timing-function:steps({letters})}}"
    frames += f"{ends},to{{transform:translateX({moved}px);animation-timing-function:step-end}}"
    return f"#{name}{{animation-name:{name}}}@keyframes {name}{{{frames}}}"


def _share(moment: float, total: float) -> str:
    return f"{100 * moment / total:.2f}".rstrip("0").rstrip(".") + "%"
