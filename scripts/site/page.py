"""Puts the page together: one HTML file with its styles, scripts and data in it, that may load and send nothing."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.site.datasets import Datasets

FOLDER = Path(__file__).parent
PAGE = FOLDER / "page"
VENDOR = FOLDER / "vendor"
STYLES = ("style.css", "catalogue.css", "history.css", "network.css")
# In the order in which the page runs them: the shell, what draws, the views in the order of their tabs, the start.
SCRIPTS = (
    "shell.js",
    "charts.js",
    "cubes.js",
    "answers.js",
    "sales.js",
    "quality.js",
    "service.js",
    "markdown.js",
    "search.js",
    "graph.js",
    "erd.js",
    "lineage.js",
    "profiles.js",
    "catalogue.js",
    "history.js",
    "network.js",
    "ask.js",
    "start.js",
)
# The grammar of questions, which the page shares with `make ask`.
GRAMMAR = FOLDER.parent / "ask" / "ask.js"
# Plot puts this style sheet into each of its charts.
PLOT_STYLE = """:where(.plot-d6a7b5) {
  --plot-background: white;
  display: block;
  height: auto;
  height: intrinsic;
  max-width: 100%;
}
:where(.plot-d6a7b5 text),
:where(.plot-d6a7b5 tspan) {
  white-space: pre;
}"""


def assembled(release: Mapping[str, Any], datasets: Datasets) -> str:
    """Return the page.

    Args:
        release: the release that the data are of, a row of `audit.releases`.
        datasets: the data of the page by name.
    """
    scripts = [*libraries(), GRAMMAR.read_text(), *((PAGE / name).read_text() for name in SCRIPTS)]
    styles = [(PAGE / name).read_text() for name in STYLES]
    parts = {
        "policy": policy(scripts, [*styles, PLOT_STYLE]),
        "number": str(release["release_id"]),
        "stamp": stamp(release),
        "styles": "\n".join(f"<style>{inert(style, 'style')}</style>" for style in styles),
        "data": "\n".join(
            f'<script type="text/plain" id="data-{name}">{dataset.packed()}</script>'
            for name, dataset in datasets.items()
        ),
        "scripts": "\n".join(f"<script>{inert(script, 'script')}</script>" for script in scripts),
    }
    # In one pass, so that no part is searched for the names of others.
    first, *others = (PAGE / "index.html").read_text().split("<!--{")
    return first + "".join(parts[name] + rest for name, _, rest in (other.partition("}-->") for other in others))


def libraries() -> list[str]:
    """Return the vendored libraries, each with its licence, in the order of `libraries.json`."""
    found = []
    for library in json.loads((VENDOR / "libraries.json").read_text()):
        licence = (VENDOR / library["licence_file"]).read_text()
        # A source map is a file that the page does not have.
        code = re.sub(r"^//# sourceMappingURL=.*$", "", (VENDOR / library["file"]).read_text(), flags=re.MULTILINE)
        found.append(f"/* {library['package']} {library['version']}\n{licence}*/\n{code}")
    return found


def inert(text: str, element: str) -> str:
    """Return the text of a script or style, unless a browser would end the element within it.

    Args:
        text: the content.
        element: `script` or `style`.

    Raises:
        ValueError: the text holds the end of the element.
    """
    if f"</{element}" in text.lower():
        raise ValueError(f"a {element} of the page holds </{element}: write it as two texts")
    return text


def policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Return the policy that lets the page run its own scripts and styles, and load or send nothing.

    Args:
        scripts: the text of each script.
        styles: the text of each style sheet.
    """
    rules = {
        "default-src": ["'none'"],
        "script-src": [source(script) for script in scripts],
        "style-src": [source(style) for style in styles],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    content = "; ".join(f"{name} {' '.join(sources)}" for name, sources in rules.items())
    return f'<meta http-equiv="Content-Security-Policy" content="{content}">'


def source(text: str) -> str:
    """Return the hash by which a policy allows a script or style.

    Args:
        text: the content of the element.
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def stamp(release: Mapping[str, Any]) -> str:
    """Return what the page says about its release: number, time, files, checks and code, as HTML.

    Args:
        release: a row of `audit.releases`.
    """
    published: datetime = release["published_at"]
    warned = len(release["checks_warned"] or ())
    parts = [
        f"Release {release['release_id']}"
        + (f", a rollback of release {release['rolled_back']}" if release["kind"] == "rollback" else ""),
        f'published <time datetime="{published.isoformat()}">{published:%Y-%m-%d %H:%M %Z}</time>',
        f"{release['files']:,} files",
        f"{len(release['checks_passed'] or ()):,} checks passed" + (f", {warned} warned" if warned else ""),
    ]
    if release["git_commit"]:
        parts.append(f"code <code>{html.escape(release['git_commit'])}</code>")
    return " · ".join(parts)
