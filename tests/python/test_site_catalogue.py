"""The catalogue and the history on the page of a release say what the project declares and what the warehouse holds."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psycopg
import pytest
import yaml
from browser import Visit
from dbt_project import Dbt
from harness import Database
from test_site import LARGEST_PICTURE, PICTURES, faults

from scripts.lineage import Column, Edge, read_edges
from scripts.paths import PROJECT_ROOT
from scripts.site import datasets, keys, star
from scripts.site.__main__ import gathered, write
from scripts.site.page import assembled

pytestmark = pytest.mark.dbt

SiteManifest = Callable[[], AbstractContextManager[Any]]
WorkOn = Callable[..., AbstractContextManager[Database]]

HOSTILE = '<img src=x onerror="window.hacked = 1"> <script>window.hacked = 1</script> & **bold** `code`'
# A column of gold whose comment the tests replace, and a relation without rows.
DESCRIBED, EMPTY = ("gold.dim_country", "region"), "bronze.refused_files"
# The correction that the tests make: a second run an hour later knows better. Releases are made from the one before.
CORRECTION = """
    insert into audit.runs
    select
        'made up',
        command, git_commit, target, run_by, is_full_refresh,
        started_at + interval '1 hour', ended_at + interval '1 hour',
        status, release_id, files, last_landed_at
    from audit.runs
    order by started_at desc
    limit 1;

    create temporary table corrected on commit drop as
    select customer_id, max(valid_from) as valid_from, max(dbt_valid_from) + interval '1 hour' as known_from
    from history.snp_customer_versions
    where dbt_valid_to is null
    group by customer_id
    having count(*) > 2
    order by count(*), customer_id
    limit 1;

    update history.snp_customer_versions as versions
    set dbt_valid_to = corrected.known_from
    from corrected
    where versions.customer_id = corrected.customer_id and versions.valid_from = corrected.valid_from;

    insert into history.snp_customer_versions
    select
        customer_id, valid_from - 5, country_name, 'Corrected', 'made up', known_from, known_from, null
    from corrected
    inner join history.snp_customer_versions using (customer_id, valid_from);

    insert into audit.releases overriding system value
    select (jsonb_populate_record(
        releases,
        jsonb_build_object(
            'release_id', release_id + 1,
            'published_at', published_at + interval '1 hour',
            'known_until', known_until + interval '1 hour'
        )
    )).*
    from audit.releases
    order by release_id desc
    limit 1;
"""


class Furnished(NamedTuple):
    """A warehouse with a correction and a hostile description, and its page in the browser."""

    session: psycopg.Connection[Any]
    seen: Visit
    file: Path

    def at(self, address: str) -> Any:
        """Go to an address of the page, and return the page when it shows it."""
        page = self.seen.page
        page.evaluate("address => { location.hash = address }", address)
        page.wait_for_function("() => new Promise(done => setTimeout(() => requestAnimationFrame(() => done(true))))")
        return page


@pytest.fixture(scope="module")
def furnished(
    built: Database,
    dbt: Dbt,
    site_manifest: SiteManifest,
    work_on: WorkOn,
    browser: Any,
) -> Iterator[Furnished]:
    """Make a copy of the built warehouse with all that the page has to show, and open its page."""
    with (
        TemporaryDirectory(prefix="retail-") as folder,
        work_on(built) as copy,
        psycopg.connect(copy.url) as session,
    ):
        file = Path(folder, "index.html")
        relation, column = DESCRIBED
        session.execute(CORRECTION)
        session.execute(f"comment on column {relation}.{column} is '{HOSTILE}'")
        session.commit()
        dbt("run-operation", "pg_wap.profile")
        with site_manifest():
            write(file, assembled(*gathered(copy.url)))
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        yield Furnished(session, Visit(context.new_page()).show(file, "#/catalogue"), file)
        context.close()


def columns_of_gold(session: psycopg.Connection[Any]) -> dict[str, dict[str, tuple[str, str]]]:
    """Return type and comment of each column of gold, by relation."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for relation, name, type_name, comment in session.execute(
        """
        select attrelid::regclass::text, attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)
        from pg_attribute
        inner join pg_class on attrelid = pg_class.oid
        where relnamespace = 'gold'::regnamespace and relkind = 'v' and attnum > 0 and not attisdropped
        order by attrelid, attnum
        """
    ):
        found.setdefault(relation, {})[name] = (type_name, comment)
    return found


def words(text: str) -> str:
    """Return a text without marks of Markdown, and with single blanks."""
    return " ".join(re.sub(r"[`*]", "", text).split())


def test_search_finds_every_relation_and_column_of_gold(furnished: Furnished) -> None:
    """A column that the search misses does not exist for a reader."""
    gold = columns_of_gold(furnished.session)
    wanted = [*gold, *(f"{relation}.{column}" for relation, columns in gold.items() for column in columns)]
    first = furnished.at("#/catalogue").evaluate(
        """wanted => wanted.map(name => {
            const input = document.getElementById("catalogue-search");
            input.focus();
            input.value = name;
            input.dispatchEvent(new Event("input"));
            const found = document.querySelector("#catalogue-search-results [role=option] .name")?.textContent;
            input.value = "";
            input.blur();
            return found ?? null;
        })""",
        wanted,
    )
    assert len(wanted) > 200
    assert dict(zip(wanted, first, strict=True)) == {name: name for name in wanted}


def test_each_column_has_type_and_description_of_the_database(furnished: Furnished) -> None:
    """A reader who copies a type or a meaning from the page builds a report on it."""
    shown = {}
    gold = columns_of_gold(furnished.session)
    for relation in gold:
        rows = furnished.at(f"#/catalogue?at={relation}").eval_on_selector_all(
            "[data-name=columns] tbody tr",
            "rows => rows.map(row => [...row.cells].slice(0, 3).map(cell => cell.textContent))",
        )
        shown[relation] = {name: (type_name, words(text)) for name, type_name, text in rows}
    assert shown == {
        relation: {name: (type_name, words(comment)) for name, (type_name, comment) in columns.items()}
        for relation, columns in gold.items()
    }


def test_diagram_shows_exactly_the_declared_foreign_keys(furnished: Furnished) -> None:
    """A line that is missing or made up makes a reader write a wrong join."""
    declared = {
        (model["name"], column["name"], re.sub(r"ref\('(\w+)'\)", r"\1", key["to"]), key["to_columns"][0])
        for file in Path(PROJECT_ROOT, "models", "marts").rglob("*.yml")
        for model in yaml.safe_load(file.read_text()).get("models", [])
        for column in model["columns"]
        for key in column.get("constraints", [])
        if key["type"] == "foreign_key"
    }
    page = furnished.at("#/catalogue")
    lines = page.eval_on_selector_all("[data-name=erd] .edge title", "lines => lines.map(line => line.textContent)")
    sentence = re.compile(r"(\w+)\.(\w+) refers to (?:no row or one row|one row) of (\w+) by (\w+)")
    shown = [found.groups() for line in lines if (found := sentence.fullmatch(line))]
    assert len(declared) > 10
    assert sorted(shown) == sorted(declared)
    assert len(lines) == page.locator("[data-name=erd-list] li").count() == len(declared)


def between(edges: list[Edge], start: Column, *, upwards: bool) -> set[tuple[str, str, str]]:
    """Return the edges on all ways from a column, without those of filters and joins."""
    found: set[Edge] = set()
    waiting, seen = [start], {start}
    while waiting:
        here = waiting.pop()
        for edge in edges:
            near, far = (edge.target, edge.source) if upwards else (edge.source, edge.target)
            if near == here and edge.kind != "filter or join":
                found.add(edge)
                if far not in seen:
                    seen.add(far)
                    waiting.append(far)
    return {(str(edge.target), str(edge.source), edge.kind) for edge in found}


@pytest.mark.parametrize(
    ("relation", "column", "upwards"),
    [
        ("gold.fct_sales", "net_amount", True),
        ("gold.dim_product", "category", True),
        ("bronze.products", "cost", False),
    ],
)
def test_lineage_of_a_column_is_that_of_the_edges(
    furnished: Furnished, relation: str, column: str, upwards: bool
) -> None:
    """A reader traces a number to the header of a file along these lines."""
    page = furnished.at(f"#/catalogue?at={relation}.{column}")
    shown = page.eval_on_selector_all(
        "[data-name=lineage] .graph .edge title", "lines => lines.map(line => line.textContent)"
    )
    expected = between(read_edges(), Column(relation, column), upwards=upwards)
    sentence = re.compile(r"(.+): ([a-z ]+) from (.+)")
    found = [match.groups() for line in shown if (match := sentence.fullmatch(line))]
    as_named = {(name.replace("Raw file ", "files.").replace(": ", "."), kind, origin) for name, kind, origin in found}
    drawn = {
        (target, origin.replace("Raw file ", "files.").replace(": ", "."), kind) for target, kind, origin in as_named
    }
    assert expected
    assert drawn == expected
    assert len(shown) == len(expected)


def test_lineage_leads_to_the_header_of_the_raw_file(furnished: Furnished) -> None:
    """The last step, from the column in bronze to the name in the file, is the one that a reader can check."""
    page = furnished.at("#/catalogue?at=gold.fct_sales.unit_price")
    listed = page.locator("[data-name=lineage-list]").text_content()
    assert "bronze.transactions.unit_price ← Raw file transactions: Price (passed on)" in listed


def test_html_in_a_description_is_text(furnished: Furnished) -> None:
    """A description comes from files and databases, and what runs in the page runs with the rights of its reader."""
    relation, column = DESCRIBED
    page = furnished.at(f"#/catalogue?at={relation}.{column}")
    assert page.locator(".prose").text_content() == HOSTILE.replace("*", "").replace("`", "")
    assert page.locator("main img, main script").count() == 0
    page.fill("#catalogue-search", "onerror")
    assert "<img src=x onerror=" in page.locator("#catalogue-search-results .text").first.text_content()
    page.fill("#catalogue-search", "")
    assert page.evaluate("window.hacked") is None


def test_a_relation_without_rows_says_so(furnished: Furnished) -> None:
    """An empty space leaves open whether the page or the relation is empty."""
    page = furnished.at(f"#/catalogue?at={EMPTY}")
    assert furnished.session.execute(f"select count(*) from {EMPTY}").fetchone() == (0,)
    assert page.locator("[data-name=rows]").text_content() == "0: the relation has no rows"
    profile = furnished.at(f"#/catalogue?at={EMPTY}.name").locator("[data-name=profile]").text_content()
    assert "no rows, so there are no values to profile" in profile


def test_profiles_are_a_layer_of_names_and_columns(furnished: Furnished) -> None:
    """A steward looks for the column that holds an address, and must find where it is, but not an address."""
    page = furnished.at("#/catalogue?at=layer:profiles")
    tables = furnished.session.execute(
        "select relname from pg_class where relnamespace = 'profiles'::regnamespace and relkind in ('r', 'p', 'v')"
    ).fetchall()
    listed = page.locator("main").text_content()
    assert len(tables) >= 4
    assert [name for (name,) in tables if name not in listed] == []
    assert "Personal data of the customer master" in listed
    page = furnished.at("#/catalogue?at=profiles.dim_customer_profile.email")
    assert "No profile is on record" in page.locator("[data-name=profile]").text_content()
    page.fill("#catalogue-search", "dim_customer_profile")
    assert page.locator("#catalogue-search-results .name").first.text_content() == "profiles.dim_customer_profile"
    page.fill("#catalogue-search", "")


def test_a_missing_profile_says_so(furnished: Furnished) -> None:
    """An empty card could as well mean that nothing was found."""
    page = furnished.at("#/catalogue?at=silver.int_lines_classified.net_amount")
    assert "No profile is on record" in page.locator("[data-name=profile]").text_content()


def test_profile_is_that_of_the_values(furnished: Furnished) -> None:
    """A reader who writes a filter goes by the values that the page shows."""
    rows, nulls, distinct, least, greatest = furnished.session.execute(
        """
        select count(*), count(*) - count(unit_price), count(distinct unit_price), min(unit_price), max(unit_price)
        from gold.fct_sales
        """
    ).fetchone()
    often = furnished.session.execute(
        "select unit_price from gold.fct_sales group by unit_price order by count(*) desc, unit_price limit 5"
    ).fetchall()
    page = furnished.at("#/catalogue?at=gold.fct_sales.unit_price")
    facts = dict(
        page.eval_on_selector_all(
            "[data-name=profile] .facts > div",
            "all => all.map(each => [...each.children].map(part => part.textContent))",
        )
    )
    assert nulls == 0
    assert {name: facts[name] for name in ("Rows", "Nulls", "Distinct values", "Range")} == {
        "Rows": f"{rows:,}",
        "Nulls": "none",
        "Distinct values": f"{distinct:,}",
        "Range": f"{least} to {greatest}",
    }
    values = page.locator("[data-name=tops] tbody th").all_text_contents()
    assert values[:5] == [str(value) for (value,) in often]


def test_rows_are_those_of_the_relations(furnished: Furnished) -> None:
    """A reader compares these with the result of a query."""
    shown, counted = {}, {}
    for relation in columns_of_gold(furnished.session):
        text = furnished.at(f"#/catalogue?at={relation}").locator("[data-name=rows]").text_content()
        # An empty relation says so in words behind its 0.
        shown[relation] = int(text.partition(":")[0].replace(",", ""))
        (counted[relation],) = furnished.session.execute(f"select count(*) from {relation}").fetchone()
    assert shown == counted


def test_search_works_by_keyboard(furnished: Furnished) -> None:
    """Readers without a mouse, and all who are in a hurry, type."""
    page = furnished.at("#/catalogue?at=gold.dim_date")
    page.keyboard.press("/")
    page.keyboard.type("net amount")
    names = page.locator("#catalogue-search-results .name").all_text_contents()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "name => document.querySelector('.crumbs')?.textContent.endsWith(name.split('.').pop())", arg=names[1]
    )
    assert "Net amount" in names[:3]


@pytest.mark.parametrize(
    "address", ["#catalogue/gold.fct_sales.net_amount", "#/catalogue?at=gold.fct_sales.net_amount"]
)
def test_a_link_in_a_mail_opens_its_column(furnished: Furnished, visit: Callable[..., Visit], address: str) -> None:
    """Colleagues send each other the address of a column, not the way to it."""
    page = visit().show(furnished.file, address).page
    assert page.locator(".crumbs [aria-current=page]").text_content() == "net_amount"
    assert page.locator(".tree [aria-current=page]").text_content() == "fct_sales"


def test_unknown_names_get_the_nearest(furnished: Furnished) -> None:
    """A link of an older release may name what is gone."""
    text = furnished.at("#/catalogue?at=gold.fct_sale.net_amont").locator(".catalogue-page").text_content()
    assert "has no gold.fct_sale.net_amont" in text
    assert "gold.fct_sales.net_amount" in text


def answers(session: psycopg.Connection[Any], moment: str, customer: int, day: str) -> tuple[Any, ...] | None:
    """Return what the function of the warehouse says about a customer."""
    return session.execute(
        "select segment, country_name from gold.dim_customer_as_known(%s) "
        "where customer_id = %s and %s::date >= valid_from and %s::date < valid_to",
        [moment, customer, day, day],
    ).fetchone()


def test_history_says_what_was_known_then(furnished: Furnished) -> None:
    """A report of last month is explained by what the warehouse believed last month."""
    session = furnished.session
    customer, days, moments = session.execute(
        """
        select
            customer_id,
            array[valid_from::text, (valid_from + 5)::text],
            array(
                select distinct dbt_valid_from::text || '+00'
                from history.snp_customer_versions as others
                where others.customer_id = versions.customer_id
                order by 1
            )
        from history.snp_customer_versions as versions
        where segment = 'Corrected'
        """
    ).fetchone()
    assert len(moments) == 2
    expected, shown = {}, {}
    for day in days:
        for step, moment in enumerate(moments):
            segment, country = answers(session, moment, customer, day)
            expected[day, step] = f"segment {segment}, country {country}"
            address = f"#/history?kind=customer&id={customer}&day={day}&known={step}"
            shown[day, step] = furnished.at(address).locator("[data-name=answer] strong").text_content()
    assert shown == expected
    assert all(shown[day, 0] != shown[day, 1] for day in days)


def test_history_has_the_versions_of_the_snapshot(furnished: Furnished) -> None:
    """The table is what a reader copies: one row too few hides a correction."""
    session = furnished.session
    (customer,) = session.execute(
        "select customer_id from history.snp_customer_versions where segment = 'Corrected'"
    ).fetchone()
    page = furnished.at(f"#/history?kind=customer&id={customer}")
    read = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    known = page.eval_on_selector_all("[data-name=known-when] tbody tr", read)
    stored = session.execute(
        """
        select to_char(valid_from, 'FMDD Mon YYYY'), segment, dbt_valid_to is null
        from history.snp_customer_versions where customer_id = %s order by valid_from, dbt_valid_from
        """,
        [customer],
    ).fetchall()
    assert [(row[0].replace("Sept", "Sep"), row[1], row[-1] == "now") for row in known] == stored
    true = page.eval_on_selector_all("[data-name=true-when] tbody tr", read)
    as_known = session.execute(
        """
        select to_char(valid_from, 'FMDD Mon YYYY'), segment, country_name
        from gold.dim_customer_as_known(now() + interval '1 day') where customer_id = %s order by valid_from
        """,
        [customer],
    ).fetchall()
    assert [(row[0].replace("Sept", "Sep"), *row[2:]) for row in true] == as_known


def test_corrected_histories_come_first_when_not_all_fit(furnished: Furnished) -> None:
    """The page is for questions about corrections: a customer without one can be asked for in SQL."""
    text = (datasets.QUERIES / "customer_versions.sql").read_text()
    assert text.count("<= 150000") == 1
    (customer, versions) = furnished.session.execute(
        """
        select customer_id, count(*) from history.snp_customer_versions
        where customer_id in (select customer_id from history.snp_customer_versions where segment = 'Corrected')
        group by customer_id
        """
    ).fetchone()
    found = datasets.read(furnished.session, text.replace("<= 150000", f"<= {versions}"))
    assert set(found.columns["customer_id"].values) == {customer}
    assert found.rows == versions


def test_page_of_the_star_is_current(site_manifest: SiteManifest) -> None:
    """A diagram of last year's keys is believed like one of today's. `make star` writes the present one."""
    with site_manifest() as manifest:
        assert star.PAGE.read_text() == star.page(manifest)


def test_references_are_read_before_and_after_compilation() -> None:
    """A parse leaves `ref(...)` where a build writes the name of the relation."""
    key = {"type": "foreign_key", "name": "a_has_b", "to_columns": ["b"]}

    def read(to: str) -> list[keys.ForeignKey]:
        node = {"schema": "gold", "alias": "a", "columns": {"b": {"name": "b", "constraints": [key | {"to": to}]}}}
        other = {"schema": "gold", "alias": "other", "name": "other", "resource_type": "model"}
        return list(keys.foreign_keys({"nodes": {"model.x.other": other}}, node))

    assert read("ref('other')") == read('"retail"."gold"."other"') == [("gold.a", "b", "gold.other", "b", "a_has_b")]


@pytest.mark.parametrize(
    "address",
    [
        "#/catalogue",
        "#/catalogue?at=gold.fct_sales",
        "#/catalogue?at=gold.fct_sales.unit_price",
        "#/catalogue?at=check:fct_sales_obeys_its_rules",
        "#/history",
        "#/history?kind=product",
    ],
)
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_keeps_readers_out(furnished: Furnished, visit: Callable[..., Visit], address: str, dark: bool) -> None:
    """Some readers see no colours, some see nothing, some have no mouse."""
    seen = visit(dark=dark).show(furnished.file, address)
    assert faults(seen, {"runOnly": ["color-contrast"]} if dark else {}) == []
    assert (seen.requests, seen.problems) == ([], [])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("name", "address"),
    [("catalogue", "#/catalogue"), ("lineage", "#/catalogue/gold.fct_sales.unit_price"), ("history", "#/history")],
)
def test_pictures_of_the_views(
    furnished: Furnished, tmp_path: Path, visit: Callable[..., Visit], name: str, address: str, *, dark: bool
) -> None:
    """The documentation shows the views, and a large picture makes every clone slower.

    `SITE_PICTURES=1` writes them into docs/site.
    """
    seen = visit(dark=dark).show(furnished.file, address)
    seen.page.set_viewport_size({"width": 1280, "height": 900 if name == "catalogue" else 1400})
    seen.settle()
    folder = PICTURES if os.environ.get("SITE_PICTURES") else tmp_path
    target = folder / f"{name}_{'dark' if dark else 'light'}.png"
    seen.page.screenshot(path=target)
    assert 10_000 < target.stat().st_size < LARGEST_PICTURE
