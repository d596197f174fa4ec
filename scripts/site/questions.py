"""The words of the release, by which the view of questions understands them."""

from typing import Any

import psycopg

from scripts.ask.vocabulary import content
from scripts.site.datasets import Column, Dataset, Datasets


def of_questions(session: psycopg.Connection[Any]) -> Datasets:
    """Return the vocabulary as a data set of one row.

    Args:
        session: a session of `snapshot`.
    """
    return {"vocabulary": Dataset(1, {"vocabulary": Column("json", [content(session)])})}
