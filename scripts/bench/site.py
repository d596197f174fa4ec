"""Measure the page of a release: how long it takes to write, to open and to answer a filter in Chromium."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.bench.measure import Row
from scripts.paths import PROJECT_ROOT

WRITE_GOAL_S, SIZE_GOAL_MB, PAINT_GOAL_MS, FILTER_GOAL_MS = 20.0, 5.0, 1_000.0, 100.0
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# The filters that are chosen one after the other, and how often.
FILTERS = ("country", "segment", "amount", "from")
CHOICES = 5


def measure(page: Path, rounds: int) -> list[Row]:
    """Write the page of the target in use, and open it in Chromium if there is one.

    Args:
        page: where to write it.
        rounds: how often each is measured.
    """
    written = Row("make site, without the installation", ceiling=WRITE_GOAL_S)
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "scripts.site", "--out", page], cwd=PROJECT_ROOT, check=True)
        written.values.append(time.perf_counter() - began)
    size = Row("size of the page", [page.stat().st_size / 1e6], unit="MB", ceiling=SIZE_GOAL_MB)
    browser = next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM") or "", *CHROMIUM))), None)
    if browser is None:
        written.note = "no Chromium on the path: opening and filters are not measured"
        return [written, size]
    return [written, size, *_opened(page, browser, rounds)]


def _opened(page: Path, browser: str, rounds: int) -> Iterator[Row]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # only where there is a browser

    paints = Row("first paint", unit="ms", ceiling=PAINT_GOAL_MS)
    figures = Row("figures in sight", unit="ms")
    filters = Row("a filter, until the figures in sight are drawn", unit="ms", ceiling=FILTER_GOAL_MS)
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = playwright.chromium.launch(executable_path=browser, args=options)
        for _ in range(rounds):
            tab = running.new_page(viewport={"width": 1280, "height": 900})
            tab.goto(page.as_uri())
            tab.wait_for_selector("html[data-filter-ms]")
            figures.values.append(tab.evaluate("performance.now()"))
            paints.values.append(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            tab.wait_for_selector("html[data-drawn=yes]")
            for name in FILTERS:
                count = tab.locator(f"#filter-{name} option").count()
                for choice in range(1, min(count, CHOICES)):
                    tab.select_option(f"#filter-{name}", index=choice)
                    filters.values.append(float(tab.evaluate("document.documentElement.dataset.filterMs")))
                    tab.wait_for_selector("html[data-drawn=yes]")
                tab.click("#reset")
            tab.close()
        running.close()
    filters.note = f"{len(filters.values)} choices, longest {max(filters.values):.0f} ms"
    yield from (paints, figures, filters)
