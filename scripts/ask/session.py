"""A session of questions: the vocabulary and a connection that can only read, kept from one question to the next."""

from datetime import date
from types import TracebackType

import psycopg

from scripts.ask.answer import Table, answer
from scripts.ask.outcome import Json
from scripts.ask.reading import read
from scripts.ask.vocabulary import vocabulary
from scripts.metrics.answers import open_session, release


class Questions:
    """Answers questions on one release. A new release is noticed, and its words are read.

    Args:
        session: a session that can only read; one of the target in use when omitted.

    Raises:
        Refusal: no release exists, or the server does not answer.
    """

    def __init__(self, session: psycopg.Connection | None = None) -> None:
        self.session: psycopg.Connection = session or open_session()
        self._release = release(self.session)
        self.vocabulary = vocabulary(self.session)

    def __enter__(self) -> "Questions":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def read(self, question: str) -> Json:
        """Return what a question comes to, as `scripts.ask.reading.read` does.

        Args:
            question: what was typed.

        Raises:
            Refusal: no release exists.
        """
        number = release(self.session)
        if number != self._release:
            self.vocabulary, self._release = vocabulary(self.session), number
        return read(question, self.vocabulary)

    def answer(self, reading: Json) -> Table:
        """Return the answer to a reading.

        Args:
            reading: as `read` returned it.

        Raises:
            Refusal: no release exists, or the answer takes too long.
        """
        return answer(reading, self.vocabulary, self.session)

    def told(self, question: str) -> Json:
        """Return what a question comes to, with its answer, as JSON.

        Args:
            question: what was typed.

        Raises:
            Refusal: no release exists, or the answer takes too long.
        """
        outcome = self.read(question)
        if outcome["status"] != "understood":
            return {"question": question} | outcome
        return {"question": question} | outcome | as_json(self.answer(outcome["reading"])) | {"status": "answered"}


def as_json(table: Table) -> Json:
    """Return an answer as JSON. Decimals are texts, so that no digit of them is lost.

    Args:
        table: the answer.
    """
    return {
        "columns": [vars(column) for column in table.columns],
        "rows": [[plain(value) for value in row] for row in table.rows],
        "sql": list(table.sql),
        "release": table.release,
    }


def plain(value: object) -> str | int | bool | None:
    """Return a value as JSON has it. A decimal is a text, so that no digit of it is lost.

    Args:
        value: a value of PostgreSQL.
    """
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int) else str(value)
