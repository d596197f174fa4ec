"""`make docs`: serve dbt's documentation of the present code and warehouse.

`dbt docs generate` takes 10 s of CPU. It is skipped if nothing that it reads has changed: neither a file of the project
nor a relation, column, type or comment of the warehouse.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from scripts import connection
from scripts.errors import Refusal
from scripts.page import complete
from scripts.paths import PROJECT_ROOT
from scripts.privacy import keep_private
from scripts.warehouse import server

# What dbt reads of the project.
READ = ("analyses", "functions", "macros", "models", "packages", "seeds", "snapshots", "tests", "dbt_packages")
# What the page loads.
PAGE = ("index.html", "manifest.json", "catalog.json")
# Everything that dbt's catalog has of the warehouse.
WAREHOUSE = """
    select md5(string_agg(concat_ws(
        ' ', relnamespace::regnamespace, relname, relkind, relowner, attname, atttypid, atttypmod,
        obj_description(c.oid, 'pg_class'), col_description(c.oid, attnum)
    ), ',' order by c.oid, attnum))
    from pg_class as c
    inner join pg_attribute on attrelid = c.oid and attnum > 0 and not attisdropped
    where relkind in ('r', 'p', 'v', 'm') and relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
"""


def folder() -> Path:
    """Return the folder of the served page, apart from what other dbt commands write."""
    return PROJECT_ROOT / os.environ.get("DBT_TARGET_PATH", "target") / "docs"


def fingerprint() -> str:
    """Return a text that differs if the documentation would."""
    paths = [*PROJECT_ROOT.glob("*.yml"), *(path for name in READ for path in (PROJECT_ROOT / name).rglob("*"))]
    digest = hashlib.sha256()
    for path in sorted(paths):
        if path.is_file():
            state = path.stat()
            digest.update(f"{path} {state.st_mtime_ns} {state.st_size}\n".encode())
    settings = {name: value for name, value in os.environ.items() if name.startswith(("DBT_", "PG"))}
    with connection.connect() as session:
        warehouse = session.execute(WAREHOUSE).fetchone()
    digest.update(f"{sorted(settings.items())} {connection.target_name()} {warehouse}".encode())
    return digest.hexdigest()


def generate() -> bool:
    """Generate the documentation, unless it is that of the present code and warehouse.

    Returns:
        Whether it had to be generated.

    Raises:
        Refusal: dbt failed. It has said why.
    """
    page = folder()
    stamp = page / "of"
    present = fingerprint()
    if stamp.exists() and stamp.read_text() == present and all((page / name).exists() for name in PAGE):
        return False
    click.echo("Generating  the documentation, as the project or the warehouse has changed")
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "docs", "generate"]
    if subprocess.run(command, cwd=PROJECT_ROOT, check=False).returncode:
        raise Refusal("dbt could not generate the documentation: mend the cause and run this again.")
    page.mkdir(parents=True, exist_ok=True)
    # The stamp last: an interrupted copy is copied again.
    stamp.unlink(missing_ok=True)
    shutil.copy(page.parent / PAGE[0], page / PAGE[0])
    manifest, catalog = (json.loads((page.parent / name).read_text()) for name in PAGE[1:])
    complete(manifest, catalog)
    for name, content in zip(PAGE[1:], (manifest, catalog), strict=True):
        (page / name).write_text(json.dumps(content))
    stamp.write_text(present)
    return True


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), default=8080, show_default=True)
def main(port: int) -> None:
    """Serve the documentation on this machine until Ctrl-C."""
    keep_private()
    try:
        http = ThreadingHTTPServer(("localhost", port), partial(Quiet, directory=str(folder())))
    except OSError as error:
        raise Refusal(f"cannot serve on port {port}: {error.strerror}; give another one, DOCS_PORT=8081.") from error
    with http:
        if connection.target_name() == "local":
            server.ensure_running()
        generate()
        click.echo(f"Serving     http://localhost:{port} until Ctrl-C")
        try:
            http.serve_forever()
        except KeyboardInterrupt:
            click.echo()


if __name__ == "__main__":
    main(prog_name="python -m scripts.docs")
