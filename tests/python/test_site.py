"""The page of a release shows what gold holds, in a real browser, and neither loads nor sends anything."""

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg
import pytest
from browser import Visit
from harness import Database

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT
from scripts.site import datasets
from scripts.site.__main__ import gathered, write
from scripts.site.datasets import Column, Dataset, Datasets
from scripts.site.page import VENDOR, assembled, stamp

VIEWS = ("sales", "quality", "service")
AXE = Path(__file__).with_name("axe") / "axe.min.js.gz"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"

SiteData = tuple[dict[str, Any], Datasets]
NewVisit = Callable[..., Visit]


# What it is made of


def test_libraries_are_those_of_their_packages() -> None:
    """A changed library would run in the browser of every reader, and no reader would notice."""
    libraries = json.loads((VENDOR / "libraries.json").read_text())
    found = {
        library["file"]: hashlib.sha256((VENDOR / library["file"]).read_bytes()).hexdigest() for library in libraries
    }
    assert found == {library["file"]: library["sha256"] for library in libraries}
    assert {path.name for path in VENDOR.glob("*.js")} == set(found)
    assert all((VENDOR / library["licence_file"]).stat().st_size > 500 for library in libraries)


def test_checker_of_accessibility_is_that_of_its_package() -> None:
    """A changed checker may find nothing."""
    assert hashlib.sha256(gzip.decompress(AXE.read_bytes())).hexdigest() == AXE_SHA256


@pytest.mark.parametrize(
    ("amount", "type_name", "kind"), [("12.3450", "numeric", "money"), ("12.3450", "numeric(18,4)", "money")]
)
def test_money_is_a_whole_number_of_its_smallest_unit(amount: str, type_name: str, kind: str) -> None:
    """Binary fractions of pounds do not add up."""
    from decimal import Decimal  # noqa: PLC0415

    assert datasets.column("net_amount", type_name, [Decimal(amount), None]) == Column(kind, [123450, None])


@pytest.mark.parametrize("amount", ["0.00001", "900719925474.0992"])
def test_an_amount_that_cannot_be_exact_is_refused(amount: str) -> None:
    """A rounded amount would be a wrong one."""
    from decimal import Decimal  # noqa: PLC0415

    with pytest.raises(ValueError, match="net_amount"):
        datasets.column("net_amount", "numeric", [Decimal(amount)])


# The command


def test_without_a_release_there_is_no_page(database: Database) -> None:
    """A page without a release would show figures that no check has seen."""
    with pytest.raises(Refusal, match="no release to show"):
        gathered(database.url)


def test_a_release_in_between_is_read_again(built: Database) -> None:
    """A reader of a release that is replaced is refused, and must not be left without a page."""
    attempts: list[int] = []

    def replaced_once(session: psycopg.Connection[Any]) -> Datasets:
        attempts.append(1)
        if len(attempts) == 1:
            session.execute("do $$ begin raise exception 'replaced' using errcode = '40001'; end $$")
        return {}

    gathered(built.url, [replaced_once])
    assert len(attempts) == 2


def test_an_interrupted_run_leaves_the_old_page(tmp_path: Path) -> None:
    """Half a page shows figures without saying that others are missing."""
    target = tmp_path / "index.html"
    write(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write(target, "new \ud800")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_stamp_names_a_rollback() -> None:
    """After a rollback, the figures are older than the release number suggests."""
    release = {
        "release_id": 4,
        "kind": "rollback",
        "rolled_back": 3,
        "published_at": datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc),
        "files": 12,
        "checks_passed": ["a", "b"],
        "checks_warned": None,
        "git_commit": "<b>",
    }
    assert stamp(release).startswith("Release 4, a rollback of release 3 · published <time")
    assert "&lt;b&gt;" in stamp(release)


# Numbers

# The parameters of the address, the lines that they choose, and the lines that are revenue.
FILTERS = [
    ("", "true", "true"),
    ("country=France", "country_name = 'France'", "true"),
    ("segment=Champion", "segment = 'Champion'", "true"),
    (
        "country=United%20Kingdom&segment=Loyal&from={middle}",
        "country_name = 'United Kingdom' and segment = 'Loyal' and month >= '{middle}'",
        "true",
    ),
    ("from={first}&to={middle}&amount=merchandise", "month <= '{middle}'", "line_type in ('sale', 'return')"),
    ("amount=sold", "true", "line_type = 'sale'"),
    (
        "amount=paid&country=Germany",
        "country_name = 'Germany'",
        "line_type in ('sale', 'return', 'postage', 'discount', 'voucher')",
    ),
]
LINES = """
    select
        sales.*,
        countries.country_name,
        customers.segment,
        to_char(sales.date_day, 'YYYY-MM') as month
    from gold.fct_sales as sales
    inner join gold.dim_country as countries on sales.country_key = countries.country_key
    inner join gold.dim_customer as customers on sales.customer_key = customers.customer_key
"""


@pytest.fixture
def gold(built: Database) -> Iterator[psycopg.Connection[Any]]:
    """Open a session on the built warehouse, for one test: nobody may be connected when it is copied."""
    with psycopg.connect(built.url) as session:
        yield session


@pytest.fixture
def months(gold: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the first month of the data, one in the middle, and the one with which the page begins by default."""
    found = [
        month
        for (month,) in gold.execute("select distinct to_char(date_day, 'YYYY-MM') from gold.fct_sales order by 1")
    ]
    return {"first": found[0], "middle": found[len(found) // 2], "default": found[-12:][0]}


def exact(seen: Visit, name: str) -> int:
    return int(seen.page.get_attribute(f"[data-name={name}]", "data-exact"))


def rows_of(seen: Visit, title: str) -> list[list[str]]:
    """Open the table of a figure, and return the texts of its rows."""
    seen.settle()
    figure = seen.page.locator("figure", has=seen.page.get_by_role("heading", name=title, exact=True))
    figure.locator("summary").first.click()
    figure.locator("tbody tr").first.wait_for()
    return figure.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
    )


@pytest.mark.parametrize("choice", FILTERS, ids=[address for address, _, _ in FILTERS])
def test_figures_are_those_of_gold(
    gold: psycopg.Connection[Any],
    months: dict[str, str],
    site_file: Path,
    visit: NewVisit,
    choice: tuple[str, str, str],
) -> None:
    """A reader who finds one wrong figure trusts none."""
    address, chosen, billed = choice
    start = "first" if "from={first}" in address else "default"
    expected = gold.execute(
        f"""
        select
            (coalesce(sum(net_amount) filter (where {billed}), 0) * 10000)::bigint,
            count(distinct invoice_number) filter (where line_type = 'sale'),
            count(distinct customer_durable_key) filter (where line_type = 'sale' and customer_durable_key <> -1)
        from ({LINES}) as lines
        where {chosen.format(**months)} and month >= '{months[start]}'
        """
    ).fetchone()
    seen = visit().show(site_file, f"#/sales?{address.format(**months)}")
    assert (exact(seen, "revenue"), exact(seen, "orders"), exact(seen, "customers")) == expected
    assert all(expected)


def test_categories_divide_amounts_by_weight(
    gold: psycopg.Connection[Any], months: dict[str, str], site_file: Path, visit: NewVisit
) -> None:
    """A product of two categories may not count twice, so the categories must add up to the whole."""
    expected = dict(
        gold.execute(
            f"""
            select category, (sum(net_amount * weight) * 100000000)::bigint
            from ({LINES}) as lines inner join gold.bridge_product_category using (product_key)
            where month >= '{months["default"]}' group by category
            """
        ).fetchall()
    )
    seen = visit().show(site_file)
    whole = exact(seen, "revenue")
    found = {}
    for category in list(expected)[:3]:
        seen.page.select_option("#filter-category", category)
        found[category] = exact(seen, "revenue")
    assert found == {category: expected[category] for category in found}
    assert sum(expected.values()) == whole * 10_000


def test_products_are_those_of_gold(
    gold: psycopg.Connection[Any], months: dict[str, str], site_file: Path, visit: NewVisit
) -> None:
    """Merchandising orders by this list."""
    expected = gold.execute(
        """
        select current_description, round(sum(net_amount), 2)
        from gold.monthly_product_sales
        inner join gold.dim_product using (product_durable_key)
        where is_current and line_type in ('sale', 'return') and to_char(month_start, 'YYYY-MM') >= %s
        group by stock_code, current_description order by sum(net_amount) desc limit 5
        """,
        [months["default"]],
    ).fetchall()
    seen = visit().show(site_file)
    found = [(name, amount) for name, _, amount, _ in rows_of(seen, "Top products")[:5]]
    assert found == [(name, f"£{amount:,}") for name, amount in expected]


def test_new_customers_are_those_of_gold(
    gold: psycopg.Connection[Any], months: dict[str, str], site_file: Path, visit: NewVisit
) -> None:
    """Marketing pays for new customers."""
    expected = gold.execute(
        """
        select
            count(*) filter (where months_since_first = 0),
            count(*) filter (where months_since_first > 0)
        from gold.monthly_customer_orders
        where to_char(month_start, 'YYYY-MM') >= %s
        group by month_start order by month_start
        """,
        [months["default"]],
    ).fetchall()
    seen = visit().show(site_file)
    found = [
        (int(new.replace(",", "")), int(back.replace(",", "")))
        for _, new, back, *_ in rows_of(seen, "New and returning customers")
    ]
    assert found == expected


def test_lines_add_up_from_file_to_gold(gold: psycopg.Connection[Any], site_file: Path, visit: NewVisit) -> None:
    """A line that is lost on the way is missing in every figure."""
    (lines,) = gold.execute("select count(*) from gold.fct_sales").fetchone()
    seen = visit().show(site_file, "#/quality")
    differences = seen.page.locator("#sums li").evaluate_all("all => all.map(one => one.dataset.difference)")
    assert differences == ["0"] * 4
    stages = {name: int(count.replace(",", "")) for name, _, count, _ in rows_of(seen, "From file to gold")}
    assert stages["lines in gold"] == lines
    assert stages["in quarantine"] > 0
    assert stages["replaced by a later delivery"] > 0


def test_quarantined_customers_are_counted_and_nothing_of_a_person_is_in_the_page(
    gold: psycopg.Connection[Any], site_data: SiteData
) -> None:
    """The page is sent by mail, so it must hold no value of a profile, also not of a row that nobody could use."""
    quarantine = site_data[1]["quarantine"].columns
    texts = {name: quarantine[name].texts for name in ("source", "file_name", "quarantine_reasons")}
    rows = [
        [None if place is None else texts[name][place] for name, place in zip(texts, places, strict=True)]
        for places in zip(*(quarantine[name].values for name in texts), strict=True)
    ]
    counted = [
        (file, reasons, lines)
        for (source, file, reasons), lines in zip(rows, quarantine["lines"].values, strict=True)
        if source == "customers"
    ]
    expected = gold.execute("select quarantine_reasons, count(*) from profiles.quarantined_customers group by 1")
    assert sorted(counted) == sorted((None, *row) for row in expected)
    assert counted
    everything = json.dumps({name: dataset._asdict() for name, dataset in site_data[1].items()}, ensure_ascii=False)
    values = {
        value
        for row in gold.execute("select name, email, phone, address, postcode from bronze.customers")
        for value in row
        # A short text can be a part of any number.
        if value and len(value.strip()) > 5
    }
    assert len(values) > 1000
    assert [value for value in values if value.strip() in everything] == []


def test_a_line_that_is_lost_shows(site_data: SiteData, tmp_path: Path, visit: NewVisit) -> None:
    """A sum that always adds up proves nothing."""
    release, found = site_data
    reconciliation = found["reconciliation"]
    lines = list(reconciliation.columns["lines"].values)
    lines[-1] -= 1
    changed = Dataset(reconciliation.rows, reconciliation.columns | {"lines": Column("integer", lines)})
    write(tmp_path / "index.html", assembled(release, found | {"reconciliation": changed}))
    seen = visit().show(tmp_path / "index.html", "#/quality")
    assert seen.page.inner_text("[data-name=reconciles] .value") == "Does not add up"


DRIFT = {
    name: Column("text", [0], [value])
    for name, value in (
        ("relation", "fct_sales"),
        ("column_name", "unit_price"),
        ("measure", "mean"),
        ("was_value", "2.11"),
        ("is_value", "<b>6.34</b>"),
    )
} | {"release": Column("integer", [4]), "was_release": Column("integer", [3])}


def test_an_incident_shows_the_line_that_closes_it(site_data: SiteData, tmp_path: Path, visit: NewVisit) -> None:
    """An alarm that a reader cannot answer comes again every day, until nobody reads alarms."""
    release, found = site_data
    columns = {
        "first_date": Column("date", [15000]),
        "last_date": Column("date", [15001]),
        "days": Column("integer", [2]),
        "scope": Column("text", [0], ['The "Isles", all']),
        "cause": Column("text", [0], ["prices"]),
        "reason": Column("text", [0], ["Prices are 30 % higher"]),
        "severity": Column("text", [0], ["alarm"]),
        "status": Column("text", [0], ["open"]),
        "known_reason": Column("text", [None], []),
        "declared_by": Column("text", [None], []),
        "stake_amount": Column("money", [12_345_600]),
        "country_name": Column("text", [0], ["Nowhere"]),
        "main_measure": Column("text", [0], ["typical_price"]),
        "measures": Column("text", [0], ["typical_price"]),
    }
    expected = found["expected"]
    if not expected.rows:
        one = {"integer": 1, "number": 1.0, "date": 15000, "boolean": 0, "text": 0}
        expected = Dataset(
            1,
            {
                name: Column(column.kind, [one[column.kind]], ["x"] if column.texts is not None else None)
                for name, column in expected.columns.items()
            },
        )
    write(
        tmp_path / "index.html",
        assembled(
            release, found | {"incidents": Dataset(1, columns), "expected": expected, "drifts": Dataset(1, DRIFT)}
        ),
    )
    seen = visit().show(tmp_path / "index.html", "#/quality")
    seen.page.get_by_text("Prices are 30 % higher").click()
    assert seen.page.locator("pre").all_inner_texts() == [
        f'"The ""Isles"", all",2011-01-26,2011-01-27,{status},why,who' for status in ("expected", "acknowledged")
    ]
    assert seen.page.get_by_role("region", name="Columns that look different").last.inner_text().split("\n")[-1].split(
        "\t"
    ) == [
        "fct_sales.unit_price",
        "mean",
        "2.11",
        "<b>6.34</b>",
    ]
    assert seen.problems == []


# What bad data get


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_without_rows_says_so(site_data: SiteData, tmp_path: Path, visit: NewVisit, view: str) -> None:
    """A new warehouse has relations without rows, and its page must not be blank."""
    release, found = site_data
    empty = {
        name: Dataset(0, {key: column._replace(values=[]) for key, column in of.columns.items()})
        for name, of in found.items()
    }
    write(tmp_path / "index.html", assembled(release, empty))
    seen = visit().show(tmp_path / "index.html", f"#/{view}")
    assert seen.problems == []
    assert seen.page.locator(".view h2").count() and not seen.page.locator(".problem").count()


@pytest.mark.parametrize("view", VIEWS)
def test_a_single_day_is_shown(site_data: SiteData, tmp_path: Path, visit: NewVisit, view: str) -> None:
    """The first day of a shop has no year before, no closed month and no expected range."""
    release, found = site_data
    one = {}
    for name, of in found.items():
        day = next((key for key in ("date_day", "month_start") if key in of.columns), None)
        keep = range(of.rows)
        if day:
            last = max(of.columns[day].values)
            keep = [row for row in keep if of.columns[day].values[row] == last]
        one[name] = Dataset(
            len(keep),
            {key: column._replace(values=[column.values[row] for row in keep]) for key, column in of.columns.items()},
        )
    write(tmp_path / "index.html", assembled(release, one))
    seen = visit().show(tmp_path / "index.html", f"#/{view}")
    assert seen.problems == []
    assert not seen.page.locator(".problem").count()


HOSTILE = "<img src=x onerror=\"document.title='ran'\"></script><script>document.title='ran'</script>'\u202e\u0000é"


@pytest.mark.parametrize("view", VIEWS)
def test_html_in_data_is_text(site_data: SiteData, tmp_path: Path, visit: NewVisit, view: str) -> None:
    """A supplier who writes HTML into a description would run scripts in the browser of every reader."""
    release, found = site_data
    hostile = {
        name: Dataset(
            of.rows,
            {
                key: column._replace(texts=[f"{text}{HOSTILE}" for text in column.texts])
                if column.texts and key not in ("line_type", "stage", "kind", "source", "last_status", "check_name")
                else column
                for key, column in of.columns.items()
            },
        )
        for name, of in found.items()
    }
    write(tmp_path / "index.html", assembled(release | {"git_commit": HOSTILE}, hostile))
    seen = visit().show(tmp_path / "index.html", f"#/{view}")
    assert seen.page.locator("img").count() == 0
    assert "ran" not in seen.page.title().split()
    assert "onerror" in seen.page.inner_text("body")
    assert (seen.requests, seen.problems) == ([], [])


# What the page may do


@pytest.mark.parametrize("view", VIEWS)
def test_page_loads_and_sends_nothing(site_file: Path, visit: NewVisit, view: str) -> None:
    """The page is opened from mails and shares, where a request would tell others who reads which figures."""
    seen = visit().show(site_file, f"#/{view}")
    assert (seen.requests, seen.problems) == ([], [])


def test_policy_stops_what_the_page_did_not_bring(site_file: Path, visit: NewVisit) -> None:
    """If a text ever became HTML, its scripts still must not run, nor its pictures load."""
    seen = visit().show(site_file)
    seen.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'ran'";
            document.body.append(script);
            const image = document.createElement("img");
            image.src = "https://example.invalid/pixel.png";
            document.body.append(image);
        }"""
    )
    seen.page.wait_for_timeout(100)
    assert seen.page.title() != "ran"
    assert len(seen.problems) == 2 and all("Content Security Policy" in problem for problem in seen.problems)


# Pictures

PICTURES = PROJECT_ROOT / "docs" / "site"
LARGEST_PICTURE = 200_000


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_pictures_of_the_views(site_file: Path, tmp_path: Path, visit: NewVisit, view: str, dark: bool) -> None:
    """The documentation shows the views, and a large picture makes every clone slower.

    `SITE_PICTURES=1` writes them into docs/site.
    """
    seen = visit(dark=dark).show(site_file, f"#/{view}")
    seen.page.set_viewport_size({"width": 1280, "height": 1400})
    seen.settle()
    folder = PICTURES if os.environ.get("SITE_PICTURES") else tmp_path
    folder.mkdir(exist_ok=True)
    target = folder / f"{view}_{'dark' if dark else 'light'}.png"
    seen.page.screenshot(path=target)
    assert 10_000 < target.stat().st_size < LARGEST_PICTURE


# Readers with a keyboard, a screen reader or a small screen


def faults(seen: Visit, options: dict[str, Any]) -> list[str]:
    """Return the serious faults of accessibility that axe finds in the view."""
    seen.page.evaluate(gzip.decompress(AXE.read_bytes()).decode())
    outcome = seen.page.evaluate("options => axe.run({resultTypes: ['violations'], ...options})", options)
    return [
        f"{fault['id']}: {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for fault in outcome["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"][:3]
    ]


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_keeps_readers_out(site_file: Path, visit: NewVisit, view: str) -> None:
    """Some readers see no colours, some see nothing, some have no mouse."""
    assert faults(visit().show(site_file, f"#/{view}"), {}) == []


@pytest.mark.parametrize("view", VIEWS)
def test_texts_are_readable_in_the_dark(site_file: Path, visit: NewVisit, view: str) -> None:
    """Dark colours are others, and all else is the same."""
    seen = visit(dark=True).show(site_file, f"#/{view}")
    assert faults(seen, {"runOnly": ["color-contrast"]}) == []


def test_keyboard_reaches_tabs_and_filters(site_file: Path, visit: NewVisit) -> None:
    """A reader without a mouse has to get to every filter, and to use it."""
    seen = visit().show(site_file)
    reached = []
    for _ in range(20):
        seen.page.keyboard.press("Tab")
        reached.append(seen.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert [name for name in reached if name in ("skip", "theme", "Sales", "Quality", "Service")] == [
        "skip",
        "theme",
        "Sales",
        "Quality",
        "Service",
    ]
    assert {"filter-from", "filter-to", "filter-country", "filter-segment", "filter-amount", "reset"} <= set(reached)
    before = exact(seen, "revenue")
    seen.page.focus("#filter-country")
    seen.page.keyboard.press("ArrowDown")
    assert exact(seen, "revenue") != before
    assert "country=" in seen.page.url


def test_filters_are_in_the_address(site_file: Path, visit: NewVisit) -> None:
    """A colleague who gets the address must see the same figures."""
    seen = visit().show(site_file)
    seen.page.select_option("#filter-country", "France")
    shown = exact(seen, "revenue")
    other = visit().show(site_file, seen.page.url.partition("#")[2].join(["#", ""]))
    assert exact(other, "revenue") == shown


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_a_telephone(site_file: Path, visit: NewVisit, view: str) -> None:
    """A page that has to be moved from side to side is not read on a telephone."""
    seen = visit(width=360).show(site_file, f"#/{view}")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_dark_page_is_printed_light(site_file: Path, visit: NewVisit) -> None:
    """Nobody wants a page of black ink."""
    seen = visit(dark=True).show(site_file)
    seen.page.emulate_media(media="print")
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
