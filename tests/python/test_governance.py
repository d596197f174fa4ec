"""Marks of personal data: how far they travel, and what is said where one is missing."""

from collections.abc import Sequence
from typing import Any

import pytest

from scripts.governance.pii import read_marks, unmarked
from scripts.lineage import Edge
from scripts.lineage.edges import AGGREGATED, DERIVED, FILTER_OR_JOIN, PASSED_ON, WINDOW

EMAIL = {"pii": "direct", "purpose": "contact"}
NUMBER = {"pii": "quasi", "purpose": "reporting"}


def project(gold: dict[str, Any], silver: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the sources and nodes of a project: a table of customers, a model of silver and a mart."""

    def node(kind: str, schema: str, name: str, columns: dict[str, Any], reads: Sequence[str] = ()) -> dict[str, Any]:
        return {
            "resource_type": kind,
            "package_name": "retail_warehouse",
            "schema": schema,
            "identifier": name,
            "alias": name,
            "config": {"schema": schema},
            "columns": {column: {"config": {"meta": meta}} for column, meta in columns.items()},
            "depends_on": {"nodes": reads},
            "original_file_path": f"models/{name}.sql",
            "patch_path": f"retail_warehouse://models/{name}.yml",
        }

    sources = {"customers": node("source", "bronze", "customers", {"email": EMAIL, "customer_id": NUMBER})}
    nodes = {
        "people": node("model", "silver", "people", silver or {"email": EMAIL, "customer_id": NUMBER}, ["customers"]),
        "mart": node("model", "gold", "mart", gold, ["people"]),
    }
    return sources, nodes


def told(gold: dict[str, Any], *edges: Edge, silver: dict[str, Any] | None = None) -> list[str]:
    return unmarked(read_marks(*project(gold, silver)), edges)


def to_people(column: str, kind: str = PASSED_ON) -> Edge:
    return Edge("silver.people", column, "bronze.customers", column, kind)


def to_mart(column: str, source: str, kind: str) -> Edge:
    return Edge("gold.mart", column, "silver.people", source, kind)


@pytest.mark.parametrize("kind", [PASSED_ON, DERIVED, AGGREGATED, WINDOW])
def test_a_direct_column_reaches_gold_along_every_value(kind: str) -> None:
    """`max(email)` of one customer is the address as well."""
    (line,) = told({"who": {}}, to_people("email"), to_mart("who", "email", kind))
    assert line.startswith("gold.mart.who: holds direct personal data of bronze.customers.email, and gold holds none: ")
    assert "models/mart.yml" in line


@pytest.mark.parametrize(("kind", "is_told"), [(PASSED_ON, 1), (DERIVED, 1), (AGGREGATED, 0), (WINDOW, 0)])
def test_a_number_of_a_customer_is_not_in_a_count_of_customers(kind: str, is_told: int) -> None:
    """If each sum over customers were personal, all of gold would be, and no mark would say anything."""
    assert len(told({"who": {}}, to_people("customer_id"), to_mart("who", "customer_id", kind))) == is_told


def test_a_filter_moves_no_value() -> None:
    """A mart of those who agreed to marketing shows sales, not consents."""
    assert told({"who": {}}, to_people("email"), to_mart("who", "email", FILTER_OR_JOIN)) == []


def test_a_mark_of_the_same_strength_is_enough() -> None:
    """The mark is passed on as it stands in the contract."""
    assert told({"who": NUMBER}, to_people("customer_id"), to_mart("who", "customer_id", DERIVED)) == []


def test_gold_holds_no_direct_column_with_any_mark() -> None:
    """Gold is copied to pages, BI tools and the answers of a language model."""
    (line,) = told({"who": EMAIL}, to_people("email"), to_mart("who", "email", PASSED_ON))
    assert "gold holds none" in line


def test_none_needs_a_reason() -> None:
    """`none` without a reason is how a mark gets lost in a hurry."""
    edges = to_people("customer_id"), to_mart("who", "customer_id", DERIVED)
    assert len(told({"who": {"pii": "none"}}, *edges)) == 1
    assert told({"who": {"pii": "none", "pii_reason": "A bucket of a thousand customers."}}, *edges) == []


def test_a_reason_ends_the_trail() -> None:
    """What derives from a column that is not personal is not personal."""
    silver = {"email": {"pii": "none", "pii_reason": "Only the domain."}}
    assert told({"who": {}}, to_people("email"), to_mart("who", "email", PASSED_ON), silver=silver) == []


def test_a_missing_mark_on_the_way_hides_nothing() -> None:
    """Both columns are told, or mending the first would show the second only in the next build."""
    found = told({"who": {}}, to_people("email"), to_mart("who", "email", PASSED_ON), silver={"email": NUMBER})
    assert [line.partition(":")[0] for line in found] == ["gold.mart.who", "silver.people.email"]


@pytest.mark.parametrize("mark", [{"pii": "secret", "purpose": "contact"}, {"pii": "direct", "purpose": "fun"}])
def test_an_unknown_mark_is_told(mark: dict[str, str]) -> None:
    """A misspelt mark marks nothing."""
    (line,) = told({}, to_people("email"), silver={"email": mark})
    assert line.startswith("silver.people.email: pii ")
    assert "is unknown; choose pii: direct, quasi, none; purpose: reporting, " in line


def test_a_marked_column_has_a_purpose() -> None:
    """Data that are kept for no purpose have to be deleted."""
    (line,) = told({}, to_people("email"), silver={"email": {"pii": "direct"}})
    assert line.startswith("silver.people.email: is marked direct, but has no purpose; ")


def test_a_new_mart_is_judged_by_its_names() -> None:
    """`make build` runs before anybody has run `make lineage`, and must not publish an address in between."""
    (line,) = told({"email": {}, "sales": {}}, to_people("email"))
    assert line.startswith("gold.mart.email: has the name of bronze.customers.email (direct), and docs/lineage.json ")
