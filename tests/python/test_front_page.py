"""The README, its pictures, and the links of all pages."""

import re
import subprocess
from pathlib import Path

import pytest

from scripts.paths import PROJECT_ROOT
from scripts.pictures import data_flow
from scripts.pictures.terminal import COLUMNS, Command, Line, Scene, draw

MOST_WORDS = 900
LARGEST_DEMO = 60_000
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
# An inline link or picture to a file or heading of the repository, but not to a URL or a page of `make docs`.
LINK = re.compile(r"\]\((?!\w+:|#!)([^)#\s]*)(?:#([^)\s]+))?\)")


def read(path: Path) -> str:
    """Return the text of a page without its code blocks."""
    return FENCE.sub("", path.read_text())


def pages() -> list[str]:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    done = subprocess.run(listed, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return [page for page in done.stdout.split("\0") if page and (PROJECT_ROOT / page).exists()]


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub creates from the headings of a page."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?) *$", read(path), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        repeated = sum(re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other) is not None for other in found)
        found.append(f"{anchor}-{repeated}" if repeated else anchor)
    return set(found)


def test_readme_is_short() -> None:
    """A visitor decides within a minute, so details belong on other pages."""
    words = [word for word in read(PROJECT_ROOT / "README.md").split() if re.search(r"\w", word)]
    assert len(words) < MOST_WORDS


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    """A dead link makes readers doubt the rest of the page."""
    path = PROJECT_ROOT / page
    dead = []
    for link, anchor in LINK.findall(read(path)):
        target = path.parent / link if link else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(f"{link}#{anchor}" if anchor else link)
    assert not dead


def test_data_flow_is_what_its_script_draws() -> None:
    """The next run of the script overwrites a picture that was edited by hand."""
    assert data_flow.PICTURE.read_text() == data_flow.draw()


def test_demo_loads_fast_and_runs_no_script() -> None:
    """Web pages block scripts and external parts of a picture, or do not show the picture at all."""
    demo = (PROJECT_ROOT / "docs" / "demo.svg").read_text()
    assert len(demo.encode()) < LARGEST_DEMO
    assert not re.findall(r"<script|\son\w+=|href=|url\(|@import", demo)


def test_demo_shortens_waits_and_long_output() -> None:
    """A long recording must still play in a few seconds and fit the screen."""
    lines = [Line(0.0, "<first> & long" + "x" * COLUMNS), Line(600.0, "second"), Line(600.0, "left out")]
    command = Command("make build", lines, seconds=1_200.0, succeeded=False, most_lines=2)
    picture = draw([Scene("a scene", [command])], "a title")
    seconds = float(re.search(r"animation:([\d.]+)s", picture)[1])
    assert seconds < 10
    texts = [re.sub("<[^>]+>", "", text) for text in re.findall(r"<text id=.*?</text>", picture)]
    assert texts[1].startswith("&lt;first&gt; &amp; long")
    assert texts[1].endswith("…")
    assert texts[2:] == ["second", "... 1 more lines", "failed in 1200.0 s"]
