"""The parts of `make lint` that read the manifest of the last parse, in this process.

Their libraries are loaded while dbt parses the project, which takes longer.
"""

import io
import json
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory

from scripts import connection
from scripts.governance.pii import read_marks, unmarked
from scripts.lineage import read_edges
from scripts.lint.part import Part
from scripts.paths import PROJECT_ROOT
from scripts.warehouse import server

BOUNCERS = {"dbt-bouncer": "dbt-bouncer.yml", "dbt-bouncer, pg_wap": "dbt-bouncer-pg_wap.yml"}
PROGRAM, CHECKS = "dbt_bouncer.main", "dbt_bouncer.checks"


def start_server() -> None:
    """Start the embedded server, where it is the one in use."""
    if connection.target_name() == "local":
        server.ensure_running()


def prepare() -> None:
    """Import dbt-bouncer and its checks, if it is installed."""
    # It would import its checks later. If a version has them elsewhere, it still does.
    with suppress(ImportError):
        import_module(PROGRAM)
        for module in walk_packages(import_module(CHECKS).__path__, f"{CHECKS}."):
            import_module(module.name)


def run(name: str) -> Part:
    """Run a part.

    Args:
        name: its name.
    """
    began = time.monotonic()
    part = _conventions(name) if name in BOUNCERS else _personal_data(name)
    part.seconds = time.monotonic() - began
    return part


def _personal_data(name: str) -> Part:
    """List the columns that derive from personal data and do not say so, by the committed lineage."""
    manifest = json.loads((PROJECT_ROOT / "target" / "manifest.json").read_text())
    found = unmarked(read_marks(manifest["sources"], manifest["nodes"]), read_edges())
    return Part(name, "failed" if found else "passed", "\n".join(found))


def _conventions(name: str) -> Part:
    if not find_spec("dbt_bouncer"):
        return Part(name, "skipped: needs Python 3.11")
    # Its table cuts the messages, so its JSON is printed, one line each.
    with TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        options = ["--config-file", BOUNCERS[name], "--output-file", str(found), "--output-only-failures"]
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = import_module(PROGRAM).app(["run", *options], standalone_mode=False)
        lines = [_line(failure) for failure in json.loads(found.read_text())] if found.exists() else []
    return Part(name, "failed" if code else "passed", "\n".join(lines) or (said.getvalue() if code else ""))


def _line(failure: dict[str, str]) -> str:
    """Return a line for what dbt-bouncer found."""
    warning = "warning: " if failure["severity"] == "warn" else ""
    check_name = failure["check_run_id"].partition(":")[0]
    return f"{failure.get('file_path') or 'the project'}: {warning}{failure['failure_message']} ({check_name})"
