"""The fixtures of tests that look at the page in a real browser. They are skipped where there is no Chromium."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from dbt_project import Dbt
from harness import Database

from scripts import artifacts
from scripts.site.__main__ import gathered, write
from scripts.site.page import assembled

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium."""
    for name in (os.environ.get("CHROMIUM") or "", *NAMES):
        if found := shutil.which(name):
            return found
    pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the path; install Chromium or set CHROMIUM to its path")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """Run one Chromium for all tests of the session."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # only where a browser is wanted

    with sync_playwright() as playwright:
        # Chromium refuses to sandbox itself for root.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = playwright.chromium.launch(executable_path=chromium, args=options)
        yield running
        running.close()


@pytest.fixture(scope="session")
def site_manifest(built: Database, dbt: Dbt) -> Callable[[], AbstractContextManager[dict[str, Any]]]:
    """Offer to let the site use the manifest that the session has parsed: a parse takes seconds."""

    @contextmanager
    def site_manifest() -> Iterator[dict[str, Any]]:
        content = json.loads((dbt.target_path / "manifest.json").read_text())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(artifacts, "parsed", lambda: content)
            yield content

    return site_manifest


@pytest.fixture(scope="session")
def site_data(
    built: Database, site_manifest: Callable[[], AbstractContextManager[dict[str, Any]]]
) -> tuple[dict[str, Any], Any]:
    """Return the release of the built warehouse and the data sets of its page."""
    with site_manifest():
        return gathered(built.url)


@pytest.fixture(scope="session")
def site_file(site_data: tuple[dict[str, Any], Any]) -> Iterator[Path]:
    """Write the page of the built warehouse once."""
    with TemporaryDirectory(prefix="retail-") as folder:
        target = Path(folder, "index.html")
        write(target, assembled(*site_data))
        yield target


class Visit:
    """A page in the browser, and what went wrong on it.

    Attributes:
        page: the page, as playwright has it.
        problems: errors of the console, and exceptions of scripts.
        requests: addresses that the page asked for, its own file aside.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.problems: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda line: self.problems.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def show(self, file: Path, address: str = "") -> "Visit":
        """Open a file at an address such as `#/quality`, and wait until the view is drawn."""
        self.page.goto(f"{file.as_uri()}{address}")
        self.page.wait_for_selector("section.view")
        self.requests = [url for url in self.requests if not url.startswith((file.as_uri(), "data:"))]
        return self

    def settle(self) -> None:
        """Wait until the figures out of sight are drawn, too."""
        self.page.wait_for_selector("html:not([data-drawn=no])")


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Offer new pages; the arguments are those of a browser's context in playwright."""
    contexts = []

    def visit(*, width: int = 1280, dark: bool = False) -> Visit:
        theme = "dark" if dark else "light"
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme))
        return Visit(contexts[-1].new_page())

    yield visit
    for context in contexts:
        context.close()
