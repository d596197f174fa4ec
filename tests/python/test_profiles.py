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
    for row in session.execute("select * from audit.column_profiles where release_id = 1 order by relation, position"):
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
            if rows:
                session.execute("update audit.column_profiles set release_id = 0")
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
    for release in (-1, -2):
        profiled.session.execute(
            "insert into audit.column_profiles"
            " select (jsonb_populate_record(row, jsonb_build_object('release_id', %s::bigint))).*"
            " from audit.column_profiles as row where relation = 'gold.dim_country' and release_id = 1",
            [release],
        )
    dbt("run-operation", "pg_wap.profile", "--vars", "pg_wap_profile_releases: 3")
    kept = profiled.session.execute("select distinct release_id from audit.column_profiles order by 1").fetchall()
    assert [row["release_id"] for row in kept] == [-1, 0, 1]


# Each damage, and the drift by which it must be noticed.
DAMAGES = {
    ("gold.fct_invoices", None, "rows"): "delete from gold_tables.fct_invoices where invoice_key % 5 < 3",
    ("gold.fct_invoice_lifecycle", "first_cancelled_date", "nulls"): (
        "update gold_tables.fct_invoice_lifecycle set first_cancelled_date = null"
    ),
    ("gold.dim_product", "description", "distinct"): (
        "update gold_tables.dim_product set description = 'SAME' where product_key % 2 = 0"
    ),
    ("gold.fct_sales", "unit_price", "spread"): "update gold_tables.fct_sales set unit_price = unit_price * 2",
    ("gold.fct_sales", "line_number", "mean"): "update gold_tables.fct_sales set line_number = line_number + 100",
    ("gold.fct_invoice_lifecycle", "date_day", "range"): (
        "update gold_tables.fct_invoice_lifecycle set date_day = date_day + 36500"
        " where invoice_key = (select max(invoice_key) from gold_tables.fct_invoice_lifecycle)"
    ),
    ("gold.dim_customer", "segment", "frequencies"): (
        "update gold_tables.dim_customer set segment = 'Not rated' where customer_key % 3 = 0"
    ),
    ("gold.monthly_product_sales", "line_type", "new value"): (
        "update gold_tables.monthly_product_sales set line_type = 'gift' where line_type = 'sale'"
    ),
    ("gold.monthly_product_sales", "line_type", "lost value"): "select",
}


def test_an_equal_release_has_no_drift(profiled: Profiled) -> None:
    """An alarm that comes with each release is read by nobody; two methods find the same of the same rows."""
    profiled.session.execute("delete from audit.column_profiles where release_id < 0")
    drift = profiled.session.execute("select * from audit.column_drift where is_published").fetchall()
    assert {row["was_release_id"] for row in drift} == {0}
    assert {row["measure"] for row in drift} >= {"rows", "nulls", "distinct", "mean", "spread", "frequencies"}
    assert [row for row in drift if row["is_drift"]] == []


def test_each_damage_is_a_drift(profiled: Profiled, dbt: Dbt) -> None:
    """Rules look at rows one by one, and each of these rows obeys them."""
    for statement in DAMAGES.values():
        profiled.session.execute(statement.encode())
    dbt("run-operation", "pg_wap.profile")
    assert dbt.errors == []
    drift = profiled.session.execute("select * from audit.column_drift where is_published and is_drift").fetchall()
    found = {(row["relation"], row["column_name"], row["measure"]) for row in drift}
    assert DAMAGES.keys() <= found
    assert {relation for relation, _, _ in found} == {relation for relation, _, _ in DAMAGES}
    assert any(line.startswith("Drift: gold.dim_customer.segment, frequencies: was ") for line in dbt.told)


# The dictionary


def test_the_dictionary_describes_all_of_gold(profiled: Profiled) -> None:
    """One query must answer what a column means, who owns it, and how it looks."""
    lacking = profiled.session.execute(
        "select relation, column_name from audit.data_dictionary"
        " where description is null or owner is null"
        " or (column_name is not null and (data_type is null or row_count is null))"
    ).fetchall()
    assert lacking == []
    described = profiled.session.execute(
        "select relation, column_name from audit.data_dictionary where column_name is not null"
    ).fetchall()
    assert {(row["relation"], row["column_name"]) for row in described} == {
        (relation, column["column_name"]) for relation, columns in profiled.exact.items() for column in columns
    }


def test_the_dictionary_names_keys_and_checks(profiled: Profiled) -> None:
    """A view shows neither keys nor checks, so the dictionary is where readers find them."""
    [row] = profiled.session.execute(
        "select key_role, checks, is_nullable, data_type from audit.data_dictionary"
        " where relation = 'gold.fct_sales' and column_name = 'customer_key'"
    ).fetchall()
    assert row == {
        "key_role": "foreign key to gold.dim_customer (customer_key)",
        "checks": ["fct_sales_has_its_customers"],
        "is_nullable": False,
        "data_type": "bigint",
    }


def test_declared_primary_keys_are_those_of_the_tables(profiled: Profiled) -> None:
    """What the dictionary calls a key, PostgreSQL enforces on the table behind the view."""
    enforced = profiled.session.execute(
        """
        select distinct
            replace(coalesce(inhparent, conrelid)::regclass::text, 'gold_tables.', 'gold.') as relation,
            array(
                select attname::text from unnest(conkey) with ordinality as key (attnum, place)
                inner join pg_attribute on attrelid = conrelid and pg_attribute.attnum = key.attnum
                order by place
            ) as columns
        from pg_constraint
        left join pg_inherits on conrelid = inhrelid
        where contype = 'p' and coalesce(inhparent, conrelid) in (
            select oid from pg_class where relnamespace = 'gold_tables'::regnamespace and relname !~ '__'
        )
        """
    ).fetchall()
    declared = profiled.session.execute(
        "select relation, columns from audit.relation_keys where kind = 'primary key'"
        " and to_regclass(replace(relation, 'gold.', 'gold_tables.')) is not null"
    ).fetchall()
    assert enforced
    assert sorted(map(str, declared)) == sorted(map(str, enforced))
