"""`make site`: write the page of the release to `site/index.html`."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import psycopg

from scripts import artifacts
from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT
from scripts.privacy import keep_private
from scripts.site import catalogue, datasets, page
from scripts.site.failing_rows import failing_rows
from scripts.site.freshness import freshness
from scripts.site.incidents import incidents
from scripts.site.network import network
from scripts.site.questions import of_questions

TARGET = PROJECT_ROOT / "site" / "index.html"
# Returns data sets by name, read in the snapshot that it is given.
Contributor = Callable[[psycopg.Connection[Any]], datasets.Datasets]
CONTRIBUTORS: tuple[Contributor, ...] = (
    datasets.of_files,
    failing_rows,
    freshness,
    incidents,
    network,
    catalogue.datasets,
    of_questions,
)


def gathered(
    url: str | None = None, contributors: Sequence[Contributor] = CONTRIBUTORS
) -> tuple[dict[str, Any], datasets.Datasets]:
    """Return the release that readers see, and the data sets of its page, all of one snapshot.

    Args:
        url: the database; that of the target in use when omitted.
        contributors: what returns data sets.

    Raises:
        Refusal: there is no release yet, or releases follow each other too quickly to be read.
    """
    for _ in range(datasets.ATTEMPTS):
        try:
            with datasets.snapshot(url) as session:
                release = datasets.release(session)
                found: datasets.Datasets = {}
                for contribute in contributors:
                    found |= contribute(session)
        except psycopg.errors.SerializationFailure:
            continue
        return release, found
    raise Refusal("the release was replaced while the page was being read, several times: run `make site` again.")


def write(target: Path, content: str) -> None:
    """Write a file aside and rename it, so that an interrupted run leaves the file that was there.

    Args:
        target: the file.
        content: its text.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        aside.write_text(content, encoding="utf-8")
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=TARGET, help="The file to write.")
def main(out: Path) -> None:
    """Write the page of the release that readers see."""
    keep_private()
    start = time.perf_counter()
    with ThreadPoolExecutor(max_workers=1) as beside:
        # dbt parses a changed project while the server reads; the catalogue waits for it, and tells of its problems.
        beside.submit(artifacts.parsed)
        release, found = gathered()
    content = page.assembled(release, found)
    write(out, content)
    shown = out.relative_to(PROJECT_ROOT) if out.is_relative_to(PROJECT_ROOT) else out
    size = len(content.encode()) / 1e6
    click.echo(
        f"Wrote       {shown}: release {release['release_id']}, {size:.1f} MB, in {time.perf_counter() - start:.1f} s"
    )


if __name__ == "__main__":
    main(prog_name="python -m scripts.site")
