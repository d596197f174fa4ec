"""The databases of a session."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from .project import DATABASE


class Databases:
    """The databases of a session: the one in which dbt builds, and templates of it.

    Attributes:
        url: the database in which dbt builds.
    """

    def __init__(self, maintenance: str) -> None:
        self._maintenance = maintenance
        self._templates: set[str] = set()
        self.url = maintenance.replace("/postgres?", f"/{DATABASE}?")

    @contextmanager
    def working(self, template: str | None = None) -> Iterator[str]:
        """Make the database in which dbt builds, empty or as a copy; drop it in the end."""
        # The files as they are: a checkpoint and a copy, where the default writes each page to the log.
        copied = f"template {template} strategy file_copy" if template else ""
        self._run(f"create database {DATABASE} {copied}")
        try:
            yield self.url
        finally:
            self._run(f"drop database if exists {DATABASE} with (force)")

    def keep(self, name: str) -> str:
        """Put the database aside as a template."""
        self._run(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{DATABASE}'",
            f"alter database {DATABASE} rename to {name}",
        )
        self._templates.add(name)
        return name

    def drop_templates(self) -> None:
        """Drop all that was put aside."""
        self._run(*(f"drop database {name} with (force)" for name in sorted(self._templates)))

    def _run(self, *statements: str) -> None:
        with psycopg.connect(self._maintenance, autocommit=True) as session:
            for statement in statements:
                session.execute(statement.encode())
