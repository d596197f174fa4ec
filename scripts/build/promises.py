"""What each source that receives files must declare: the checks of its rows, and how old its last file may be.

`make build` and dbt-bouncer (tests/conventions) both ask here, each with its own objects for what dbt parsed.
"""

from collections.abc import Iterable
from typing import Any

CHECKS = ("holds_what_the_ledger_says", "every_row_is_typed_or_quarantined")


def broken_promise(source: Any, tests: Iterable[Any]) -> str:  # noqa: ANN401 - dbt's objects or dbt-bouncer's
    """Return in one line what a source lacks, and what to do; empty if it lacks nothing.

    Args:
        source: a source table.
        tests: the data tests of the project.
    """
    if not (source.config.meta or {}).get("landing"):
        return ""
    declared = {
        test.test_metadata.name
        for test in tests
        if getattr(test, "test_metadata", None) and source.unique_id in test.depends_on.nodes
    }
    lacking = [f"the check {name}" for name in CHECKS if name not in declared]
    threshold = getattr(source.freshness, "warn_after", None)
    if not getattr(threshold, "count", None):
        lacking.append("freshness")
    if not lacking:
        return ""
    return (
        f"{source.original_file_path}: the table {source.name} receives files, but lacks {' and '.join(lacking)}: "
        "rows or files could be missing without a word. Declare it as for the other tables (docs/adding_a_source.md)."
    )
