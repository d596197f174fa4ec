"""Checks of dbt-bouncer for sources that receive files."""

import sys
from pathlib import Path

from dbt_bouncer.check_framework.decorator import check, fail

# dbt-bouncer loads this file by its path.
sys.path.append(str(Path(__file__).resolve().parents[3]))

from scripts.build.promises import broken_promise


@check
def check_source_keeps_its_rows(source, ctx):
    """A source table that receives files declares the checks of its rows, and how old its last file may be."""
    if promise := broken_promise(source, ctx.tests):
        fail(promise)
