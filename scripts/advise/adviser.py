"""Put the advice together: look at what was asked, and try what may make it faster."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from scripts.advise import stored, trial
from scripts.advise.advice import Advice, Faster, IndexAdvice, Line, Unasked, ViewAdvice
from scripts.advise.asked import Asked, Session, read
from scripts.advise.plans import roots_of_partitions
from scripts.advise.reach import Query, look
from scripts.advise.running import be_patient, only_read, run, sample
from scripts.advise.text import short
from scripts.advise.trial import Case

# A view is tried if its queries take at least this share of the time of all queries.
LEAST_SHARE = 0.02
RELEASES = "select count(*) from {}.releases where published_at > %s::timestamptz"


@dataclass(frozen=True)
class Adviser:
    """Advice on one warehouse. Nothing is changed.

    Args:
        session: a connection as the role that builds, in autocommit mode.
        published: the published schema.
        audit: the schema of the log of releases.
        models: the folder of the models.
        say: called with a line about each step.
    """

    session: Session
    published: str
    audit: str
    models: Path
    say: Callable[[str], None]

    def advise(self, most: int, *, everyone: bool) -> Advice:
        """Look at what was asked, and try what may make it faster.

        Args:
            most: how many of the longest queries are tried, and how many of those with the longest answers.
            everyone: whether queries of the role that builds count as well.
        """
        be_patient(self.session)
        asked, since = read(self.session, everyone=everyone)
        advice = Advice(since)
        queries, unknown = self._readable(asked, advice)
        advice.queries, advice.total_ms = len(queries), sum(query.asked.total_ms for query in queries)
        chosen = _longest(queries, most)
        self.say(f"Working     {len(queries)} queries on {self.published} are on record; running {len(chosen)} of them")
        cases = list(self._cases(chosen, advice))
        sampled = {case.query.asked.number: case.before.ms for case in cases}
        advice.asked = [_line(query, advice.total_ms, sampled) for query in chosen]
        advice.indexes = self._indexes(cases, advice)
        relations = stored.relations(self.session, self.published)
        views = [one.name for one in relations if not one.is_stored]
        advice.views = list(self._views(views, cases, advice))
        known = frozenset[str]().union(*(query.published for query in queries))
        if queries:
            advice.unasked = [
                Unasked(one.name, one.is_stored, one.bytes)
                for one in relations
                if one.name not in known and one.name not in unknown
            ]
        return advice

    def _readable(self, asked: Sequence[Asked], advice: Advice) -> tuple[list[Query], str]:
        """Return the queries on the published schema, and the text of those that could not be resolved."""
        queries, unknown = [], []
        for one in asked:
            found = look(self.session, one, self.published)
            if isinstance(found, Query):
                queries.append(found)
            elif found:
                unknown.append(one.text)
                if found.is_published:
                    advice.left_out.append(f"{short(one.text)}: {found.reason}")
        return queries, "\n".join(unknown)

    def _cases(self, queries: Sequence[Query], advice: Advice) -> Iterator[Case]:
        """Run queries as things are, with sample values."""
        roots = roots_of_partitions(self.session)
        for query in queries:
            try:
                values = sample(self.session, query, self.published, roots)
                with self.session.transaction(force_rollback=True):
                    only_read(self.session, self.published)
                    before = run(self.session, query.text, values)
            except psycopg.Error as error:
                advice.left_out.append(
                    f"{short(query.asked.text)}: does not run with sample values: {_one_line(error)}"
                )
            else:
                yield Case(query, values, before)

    def _indexes(self, cases: Sequence[Case], advice: Advice) -> list[IndexAdvice]:
        """Try indexes, and return those that pay: for each query the index that makes it fastest."""
        tried = []
        found = trial.candidates(self.session, cases)
        for number, (candidate, its_cases) in enumerate(found.items(), start=1):
            self.say(f"Working     trying index {number} of {len(found)}, on {candidate}")
            outcome = trial.attempt(self.session, candidate, its_cases, self.published)
            if isinstance(outcome, str):
                advice.left_out.append(f"index on {candidate}: {outcome}")
            elif outcome.after:
                tried.append(outcome)
        by_number = {case.query.asked.number: case for case in cases}
        best = {
            number: min((one for one in tried if number in one.after), key=lambda one: (one.after[number], one.bytes))
            for number in sorted({number for one in tried for number in one.after})
        }
        advised = []
        for outcome in tried:
            helped = [by_number[number] for number, one in best.items() if one is outcome]
            if helped:
                advised.append(self._index(outcome, helped, advice))
        return sorted(advised, key=lambda one: -one.saved_ms)

    def _index(self, outcome: trial.Outcome, cases: Sequence[Case], advice: Advice) -> IndexAdvice:
        candidate = outcome.candidate
        try:
            cost: trial.WriteCost | None = trial.write_cost(self.session, candidate)
        except psycopg.Error as error:
            cost = None
            advice.left_out.append(f"writes of {candidate}: {_one_line(error)}")
        faster = _faster(cases, outcome.after)
        saved = sum(one.saved_ms for one in faster)
        model = next(iter(sorted(self.models.rglob(f"{candidate.table}.sql"))), None)
        return IndexAdvice(
            table=f"{candidate.schema}.{candidate.table}",
            columns=candidate.columns,
            faster=faster,
            saved_ms=saved,
            share=saved / advice.total_ms,
            bytes=outcome.bytes,
            make_ms=outcome.make_ms,
            write_what=cost.what if cost else "",
            write_without_ms=cost.without_ms if cost else None,
            write_with_ms=cost.with_ms if cost else None,
            model=str(model.relative_to(self.models.parent)) if model else None,
            config=config([*outcome.existing, candidate.columns]),
        )

    def _views(self, views: Sequence[str], cases: Sequence[Case], advice: Advice) -> Iterator[ViewAdvice]:
        """Try to store the rows of the views whose queries take much of the time."""
        for name in views:
            # A query that reads the view by another view cannot be led to the copy.
            its_cases = [case for case in cases if name in case.query.published and name in case.query.text]
            if not its_cases or sum(case.query.asked.total_ms for case in its_cases) < LEAST_SHARE * advice.total_ms:
                continue
            self.say(f"Working     storing the rows of {self.published}.{name} in a temporary table")
            outcome = stored.attempt(self.session, name, its_cases, self.published)
            if isinstance(outcome, str):
                advice.left_out.append(f"view {self.published}.{name}: {outcome}")
                continue
            faster = _faster(its_cases, outcome.after)
            saved = sum(one.saved_ms for one in faster)
            releases = self._releases(advice.since)
            yield ViewAdvice(
                name=f"{self.published}.{name}",
                faster=faster,
                saved_ms=saved,
                share=saved / advice.total_ms,
                bytes=outcome.bytes,
                write_ms=outcome.write_ms,
                releases=releases,
                indexed=outcome.columns,
                # Each release writes the rows again, unless its model can tell which rows a day touches.
                pays=saved > outcome.write_ms * releases,
            )

    def _releases(self, since: str) -> int:
        """Return the number of releases since then, at least one."""
        query = sql.SQL(RELEASES).format(sql.Identifier(self.audit))
        (number,) = self.session.execute(query, [since]).fetchone() or (1,)
        return max(1, int(number))


def config(indexes: Sequence[Sequence[str]]) -> str:
    """Return the line of a model's config that declares indexes.

    Args:
        indexes: the columns of each index.
    """
    listed = ", ".join("{'columns': [" + ", ".join(f"'{column}'" for column in columns) + "]}" for columns in indexes)
    return f"indexes=[{listed}],"


def _longest(queries: Sequence[Query], most: int) -> list[Query]:
    """Return the queries that took most in all, and those that took most each time."""
    by_total = sorted(queries, key=lambda query: -query.asked.total_ms)
    by_mean = sorted(queries, key=lambda query: -query.asked.mean_ms)
    either = {query.asked.number for query in (*by_total[:most], *by_mean[:most])}
    return [query for query in by_total if query.asked.number in either]


def _line(query: Query, total_ms: float, sampled: dict[int, float]) -> Line:
    asked = query.asked
    return Line(
        query=asked.text,
        reads=tuple(sorted(query.published)),
        calls=asked.calls,
        total_ms=asked.total_ms,
        mean_ms=asked.mean_ms,
        share=asked.total_ms / total_ms if total_ms else 0.0,
        sampled_ms=sampled.get(asked.number),
    )


def _faster(cases: Sequence[Case], after: dict[int, float]) -> tuple[Faster, ...]:
    """Return what each query saves: its recorded time, by the share by which it became faster."""
    found = []
    for case in cases:
        asked, now = case.query.asked, after[case.query.asked.number]
        saved = asked.total_ms * (1 - now / case.before.ms)
        found.append(Faster(asked.text, asked.calls, case.before.ms, now, saved))
    return tuple(sorted(found, key=lambda one: -one.saved_ms))


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())
