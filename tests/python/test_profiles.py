"""Profiles of the release: each number equals that of another query, also where statistics estimate the rest."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest
from dbt_project import Dbt
from harness import Database
from psycopg.rows import dict_row

Session = psycopg.Connection[dict[str, Any]]

NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
TIMES = ("date", "time", "timestamp", "interval")


class Profiled:
    """The profile of a release, and the release.

    Attributes:
        session: a session on the warehouse.
        exact, estimated: the profiles by relation, of the same release.
    """

    def __init__(self, session: Session, exact: dict[str, list[Any]], estimated: dict[str, list[Any]]) -> None:
        self.session, self.exact, self.estimated = session, exact, estimated

    def ask(self, relation: str, expressions: list[str]) -> list[Any]:
        """Return what expressions find in a relation."""
        listed = ", ".join(f"{expression} as c{number}" for number, expression in enumerate(expressions))
        row = self.session.execute(f"select {listed} from {relation}".encode()).fetchone()
        assert row is not None
        return list(row.values())


def profiles(session: Session) -> dict[str, list[Any]]:
    """Return the profiles by relation."""
    found: dict[str, list[Any]] = {}
    for row in session.execute("select * from audit.column_profiles order by relation, position"):
        found.setdefault(row["relation"], []).append(row)
    return found


@pytest.fixture(scope="module")
def profiled(built: Database, work_on: Callable[..., AbstractContextManager[Database]], dbt: Dbt) -> Iterator[Profiled]:
    """Profile a copy of the built warehouse twice: exactly, and with estimates."""
    with work_on(built) as copy, psycopg.connect(copy.url, autocommit=True, row_factory=dict_row) as session:
        found = []
        for rows in (1_000_000, 0):
            dbt("run-operation", "pg_wap.profile", "--vars", f"pg_wap_profile_exact_rows: {rows}")
            assert dbt.errors == []
            found.append(profiles(session))
        yield Profiled(session, *found)


def is_of(column: dict[str, Any], types: tuple[str, ...]) -> bool:
    """Return whether a column has one of these types."""
    return bool(column["data_type"].startswith(types))


def test_every_column_of_the_release_is_profiled(profiled: Profiled) -> None:
    """A column that is missing is the one that nobody looks at; a view without a table has columns, too."""
    columns = profiled.session.execute(
        "select attrelid::regclass::text as relation, attname, format_type(atttypid, atttypmod) as data_type"
        " from pg_attribute inner join pg_class on attrelid = pg_class.oid"
        " where relnamespace = 'gold'::regnamespace and relkind = 'v' and attnum > 0"
    ).fetchall()
    for found in (profiled.exact, profiled.estimated):
        named = {(row["relation"], row["column_name"], row["data_type"]) for rows in found.values() for row in rows}
        assert named == {tuple(column.values()) for column in columns}
    assert "gold.fct_product_offered_day" in profiled.exact


@pytest.mark.parametrize("method", ["exact", "estimated"])
def test_rows_nulls_and_range_are_those_of_the_release(profiled: Profiled, method: str) -> None:
    """These figures are exact however many rows there are; the page about the release shows them as facts."""
    for relation, columns in getattr(profiled, method).items():
        expressions = ["count(*)"]
        for column in columns:
            name = column["column_name"]
            # PostgreSQL has no least boolean
            ordered = f"{name}::text" if column["data_type"] == "boolean" else name
            expressions += [f"count(*) filter (where {name} is null)", f"min({ordered})::text", f"max({ordered})::text"]
        rows, *others = profiled.ask(relation, expressions)
        for number, column in enumerate(columns):
            assert column["row_count"] == rows
            figures = [column["null_count"], column["min_value"], column["max_value"]]
            assert figures == others[3 * number : 3 * number + 3], (relation, column["column_name"])


@pytest.mark.parametrize("method", ["exact", "estimated"])
def test_means_are_those_of_the_release(profiled: Profiled, method: str) -> None:
    """A mean that is a rounding error away is right; a mean of other rows is not."""
    for relation, columns in getattr(profiled, method).items():
        for column in columns:
            name = column["column_name"]
            figures = [column["mean"], column["standard_deviation"], column["mean_length"]]
            if is_of(column, NUMBERS):
                found = profiled.ask(relation, [f"avg({name})", f"stddev_samp({name}::numeric)", "null::numeric"])
            elif column["data_type"] == "text":
                found = profiled.ask(relation, ["null", "null", f"avg(length({name}))"])
            else:
                found = [None, None, None]
            for figure, expected in zip(figures, found, strict=True):
                assert figure == (None if expected is None else pytest.approx(float(expected), rel=1e-9)), (
                    relation,
                    name,
                )


def test_exact_values_are_those_of_the_release(profiled: Profiled) -> None:
    """Distinct values and frequent values are counted, not estimated, where that is quick."""
    for relation, columns in profiled.exact.items():
        for column in columns:
            name, top = column["column_name"], column["top_values"]
            assert not column["is_estimated"]
            counts = profiled.session.execute(
                f"select {name}::text as value, count(*) as rows from {relation} where {name} is not null"
                f" group by {name} order by count(*) desc".encode()
            ).fetchall()
            assert column["distinct_count"] == len(counts)
            kept = [row["rows"] for row in counts if row["rows"] > 1 or len(counts) <= 20][:20]
            shares = [rows / column["row_count"] for rows in kept]
            assert column["top_shares"] == pytest.approx(shares), (relation, name)
            rows_of = {row["value"]: row["rows"] for row in counts}
            assert [rows_of[value] for value in top] == kept, (relation, name)


def test_exact_bounds_divide_the_rows_into_equal_parts(profiled: Profiled) -> None:
    """A page draws the distribution from the bounds."""
    for relation, columns in profiled.exact.items():
        for column in columns:
            name, bounds = column["column_name"], column["bounds"]
            if not is_of(column, NUMBERS + TIMES):
                assert bounds is None, (relation, name)
                continue
            [ordered] = profiled.ask(
                relation, [f"array_agg({name}::text order by {name}) filter (where {name} is not null)"]
            )
            # the place of each bound, from 1, rounded up
            places = [max(1, -(-part * len(ordered or ()) // 20)) for part in range(21)]
            assert bounds == (ordered and [ordered[place - 1] for place in places]), (relation, name)


def test_estimates_are_marked_and_close(profiled: Profiled) -> None:
    """The sample is larger than most of these relations, so estimates differ by their method."""
    for relation, columns in profiled.estimated.items():
        for column, exact in zip(columns, profiled.exact[relation], strict=True):
            place = (relation, column["column_name"])
            assert column["is_estimated"], place
            assert column["distinct_count"] == pytest.approx(exact["distinct_count"], rel=0.05, abs=1), place
            shares = dict(zip(exact["top_values"], exact["top_shares"], strict=True))
            for value, share in zip(column["top_values"], column["top_shares"], strict=True):
                if value in shares:
                    assert share == pytest.approx(shares[value], abs=0.02), place


@pytest.mark.parametrize("relation", ["gold.fct_sales", "gold.fct_product_offered_day"])
def test_estimated_bounds_divide_the_rows_into_about_equal_parts(profiled: Profiled, relation: str) -> None:
    """Frequent values and the histogram are merged, and a frequent value takes several bounds."""
    for column in profiled.estimated[relation]:
        name, bounds = column["column_name"], column["bounds"]
        if not is_of(column, NUMBERS + TIMES):
            assert bounds is None, name
            continue
        given = [f"'{bound}'::{column['data_type']}" for bound in bounds]
        below = profiled.ask(relation, [f"avg(({name} < {bound})::integer)" for bound in given])
        up_to = profiled.ask(relation, [f"avg(({name} <= {bound})::integer)" for bound in given])
        for part, (least, greatest) in enumerate(zip(below, up_to, strict=True)):
            assert float(least) - 0.03 <= part / 20 <= float(greatest) + 0.03, (name, part)


def test_old_profiles_are_deleted(profiled: Profiled, dbt: Dbt) -> None:
    """A table that only grows is truncated one day, with everything in it."""
    for release in (-1, -2, -3):
        profiled.session.execute(
            "insert into audit.column_profiles"
            " select (jsonb_populate_record(row, jsonb_build_object('release_id', %s::bigint))).*"
            " from audit.column_profiles as row where relation = 'gold.dim_country' and release_id = 1",
            [release],
        )
    dbt("run-operation", "pg_wap.profile", "--vars", "pg_wap_profile_releases: 2")
    kept = profiled.session.execute("select distinct release_id from audit.column_profiles order by 1").fetchall()
    assert [row["release_id"] for row in kept] == [-1, 1]
