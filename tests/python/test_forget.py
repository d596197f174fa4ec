"""`make forget`: after it, nothing of the person is left in the warehouse, and no total of money has changed."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import psycopg
import pytest
from click.testing import CliRunner
from dbt_project import Dbt, environment, run_command_here
from harness import Database
from warehouse_state import fingerprints

from scripts.backup import erased
from scripts.build.report import Outcome
from scripts.errors import Refusal
from scripts.forget import __main__ as command
from scripts.forget import landed, storage, traces
from scripts.governance.people.held import Person, held, person
from scripts.land import land
from scripts.land.contract import read_contract
from scripts.paths import warehouse_home
from scripts.stream.cdc.bronze import TABLES as CAPTURE

# A customer with sales, a cancellation, a profile and an address that no other row has.
SOMEBODY = """
    select
        profiles.customer_id,
        profiles.email
    from profiles.dim_customer_profile as profiles
    inner join silver.int_cancellations_matched as cancelled using (customer_id)
    where profiles.email is not null and cancelled.match_type <> 'none'
    group by profiles.customer_id, profiles.email
    order by count(*) desc, profiles.customer_id
    limit 1
"""
# Where a person also is: a rejected row, a refused file, a column that no contract knows, failing rows of a check, a
# table that somebody made, and a branch.
PLANTED = """
    insert into bronze.rejected_rows (file_id, line, raw, reason)
    select max(file_id), 1000001, '536365,{number}.0,x', 'test' from bronze.landed_files
    union all
    select max(file_id), 1000002, 'x,"{email}"', 'test' from bronze.landed_files
    union all
    select max(file_id), 1000003, 'x,1{number}9,y', 'test' from bronze.landed_files;
    update bronze.landed_files
    set rows_read = rows_read + 3, rows_rejected = rows_rejected + 3
    where file_id = (select max(file_id) from bronze.landed_files);
    insert into bronze.refused_files (name, reason) values ('x.csv', 'no header: {number}, {email}');
    update bronze.transactions
    set _extra = jsonb_build_object('Contact', '{email}')
    where ctid = (select min(ctid) from bronze.transactions where customer_id is distinct from '{number}');
    update bronze.customers set address = 'Only Here Lane {number}' where customer_id = '{number}';
    create table audit.assert_test as select customer_id, email from profiles.dim_customer_profile;
    create schema reports;
    create table reports.mine as select customer_durable_key, sale_amount from gold.fct_invoices;
    create schema branch_mine_gold;
    comment on schema branch_mine_gold is 'playground branch_mine of gold, made 2026-11-30T10:00:00+00:00 by ann';
    create view branch_mine_gold.fct_invoices as select * from gold.fct_invoices;
    create schema branch_mine_gold_tables;
    create table branch_mine_gold_tables.customer_rfm as select * from gold.customer_rfm;
    create schema branch_empty_gold;
    comment on schema branch_empty_gold is 'playground branch_empty of gold, made 2026-11-30T10:00:00+00:00 by ann';
"""
ALL_TABLES = """
    select relnamespace::regnamespace::text, relname
    from pg_class
    where
        relkind in ('r', 'm')
        and relnamespace::regnamespace::text !~ '^(pg_toast|information_schema)'
        and (relnamespace::regnamespace::text, relname) <> ('audit', 'events')
"""
# Facts by what they are about, without the customer.
MONEY = {
    "gold.fct_sales": "date_day, product_key, country_key, line_type",
    "gold.fct_invoices": "invoice_number",
    "gold.daily_sales": "date_day",
    "gold.monthly_product_sales": "month_start, product_durable_key",
}
LEDGER = """
    select
        landed_files.file_id,
        landed_files.rows_loaded - landed_files.rows_erased - landed_files.rows_archived,
        count(found._file_id)
    from bronze.landed_files
    left join (
        select _file_id from bronze.transactions
        union all
        select _file_id from bronze.customers
        union all
        select _file_id from bronze.products
    ) as found on landed_files.file_id = found._file_id
    group by landed_files.file_id
"""
HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"

# A customer who orders, and an order that turns out to be another customer's.
CAPTURED = """
    insert into bronze.shop_changes (
        slot, copy_number, commit_lsn, seq, relation, op, committed_at, before, after
    ) values
    ('s', 1, '0/1', 1, 'public.orders', 'I', now(), null, '{{"invoice": "1", "customer_id": "{number}"}}'),
    ('s', 1, '0/2', 1, 'public.orders', 'U', now(), '{{"invoice": "1", "customer_id": "{number}"}}',
        '{{"invoice": "1", "customer_id": "1{number}"}}'),
    ('s', 1, '0/2', 2, 'public.orders', 'I', now(), null, '{{"invoice": "{number}", "customer_id": null}}')
"""


class Story(NamedTuple):
    """An erasure, with what was before.

    Attributes:
        who: the person.
        texts: the delivered texts that named the person.
        said: what the command printed.
        refused: what it said before the erasure was approved.
        money: sums by relation before the erasure.
        dry: what a dry run said.
        unchanged: whether the dry run left bronze and gold as they were.
        warehouse: the database after the erasure.
    """

    who: Person
    texts: list[str]
    said: str
    refused: list[str]
    money: dict[str, list[tuple[Any, ...]]]
    dry: str
    unchanged: bool
    warehouse: Database


def run(dbt: Dbt, project: Path, *arguments: str) -> str:
    """Run the command in this process on the working database; return what it said."""
    folders = {"DBT_TARGET_PATH": str(dbt.target_path), "DBT_LOG_PATH": str(dbt.log_path)}
    with patch.object(command, "PROJECT_ROOT", project):
        return run_command_here(command.main, arguments, **environment(), **folders).output


def ask(database: Database, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return the rows of a query of the superuser."""
    with psycopg.connect(database.operator_url, autocommit=True) as session:
        return session.execute(query, parameters or None).fetchall()


def do(database: Database, statements: str) -> None:
    """Run statements as the role that builds."""
    with psycopg.connect(database.url) as session:
        session.execute(statements)


def money(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return the sums of money and units of gold, to the last decimal."""
    query = "select {of}, count(*), {sums} from {relation} group by {of} order by {of}"
    found = {}
    for relation, of in MONEY.items():
        schema, name = relation.split(".")
        summed = ask(
            database,
            "select string_agg(format('sum(%%I)', column_name), ', ') from information_schema.columns"
            " where table_schema = %s and table_name = %s and column_name ~ '(amount|units|quantity)'"
            " and data_type in ('numeric', 'bigint', 'integer')",
            schema,
            name,
        )[0][0]
        assert summed, relation
        found[relation] = ask(database, query.format(of=of, sums=summed, relation=relation))
    return found


def approve(database: Database, number: int) -> int:
    """Let one user request an erasure and another one approve it; return the number of the request."""
    with psycopg.connect(database.operator_url, autocommit=True) as session:
        [(request,)] = session.execute("select audit.request_erasure(%s, 'letter of May 2')", [number]).fetchall()
        session.execute("grant execute on function audit.approve_erasure(bigint) to retail_builder")
        session.execute("set session authorization retail_builder")
        session.execute("select audit.approve_erasure(%s)", [request])
        session.execute("reset session authorization")
        session.execute("revoke execute on function audit.approve_erasure(bigint) from retail_builder")
    return int(request)


@pytest.fixture(scope="module")
def story(built: Database, work_on: Any, keep: Any, dbt: Dbt) -> Iterator[Story]:
    """Forget a customer of whom there are rows everywhere, after a dry run and a refusal."""
    with work_on(built) as warehouse, TemporaryDirectory(prefix="retail-") as folder:
        project = Path(folder)
        [(number, email)] = ask(warehouse, SOMEBODY)
        do(warehouse, PLANTED.format(number=number, email=email))
        do(warehouse, CAPTURE.read_text())
        do(warehouse, CAPTURED.format(number=number))
        with psycopg.connect(warehouse.operator_url) as session:
            who = person(session, number)
            # Another customer may have the same name.
            others = "select lower(string_agg(c::text, ' ')) from bronze.customers as c where customer_id <> %s"
            [(said_of_others,)] = session.execute(others, [str(number)]).fetchall()
            found = landed.texts_of(session, read_contract(), who)
            texts = [text for text in found if text.lower() not in said_of_others]
        (project / "disclosures").mkdir()
        (project / "disclosures" / f"customer-{number}.json").write_text(email)
        (project / "site").mkdir()
        log = dbt.log_path / "somebody.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(f"Got {email}\n")
        server_log = warehouse_home() / "server.log"
        with server_log.open("a") as file:
            file.write(f"DETAIL: {email}\n")
        state = [fingerprints(warehouse.url, schema) for schema in ("bronze", "gold")]
        before = money(warehouse)
        dry = run(dbt, project, f"--customer={number}", "--dry-run")
        unchanged = state == [fingerprints(warehouse.url, schema) for schema in ("bronze", "gold")]
        [(waiting,)] = ask(warehouse, "select audit.request_erasure(%s, 'letter of May 2')", number)
        refused = [run(dbt, project, f"--customer={number}", "--yes")]
        unchanged &= state == [fingerprints(warehouse.url, schema) for schema in ("bronze", "gold")]
        assert approve(warehouse, number) > waiting
        said = run(dbt, project, f"--customer={number}", "--yes")
        assert not list((project / "disclosures").iterdir()), said
        assert not (project / "site").exists()
        assert not log.exists()
        assert email not in server_log.read_text(errors="replace")
        kept = keep(warehouse, "forgotten")
    yield Story(who, texts, said, refused, before, dry, unchanged, kept)
    with psycopg.connect(kept.operator_url.replace("/forgotten?", "/postgres?"), autocommit=True) as session:
        session.execute("drop database forgotten with (force)")


def test_no_table_has_a_text_of_the_person(story: Story) -> None:
    """A table that is forgotten here keeps the person for ever: catalogs with frequent values count, too."""
    assert len(story.texts) > 2
    searched = 0
    with psycopg.connect(story.warehouse.operator_url) as session:
        for schema, name in session.execute(ALL_TABLES).fetchall():
            query = f'select t::text from "{schema}"."{name}" as t where lower(t::text) like any(%s)'
            texts = [f"%{text.lower()}%" for text in story.texts]
            assert session.execute(query, [texts]).fetchall() == [], (schema, name)
            searched += 1
    assert searched > 100


def test_no_key_can_be_counted_back_to_the_person(story: Story) -> None:
    """Keys are hashes of numbers and days, so whoever counts through both finds the key of a person."""
    with psycopg.connect(story.warehouse.operator_url) as session:
        assert landed.remains(session, story.who) == []
        assert list(held(session, story.who.number)) == []


def test_the_counting_would_find_the_person(built: Database, story: Story) -> None:
    """A search that looks for other keys than those of the models finds nothing in any warehouse."""
    with psycopg.connect(built.operator_url) as session:
        found = {each.table.name for each in landed.remains(session, Person(story.who.number, {}, []))}
    assert {"fct_sales", "fct_invoices", "dim_customer", "dim_customer_profile", "customer_rfm"} <= found


def test_the_files_of_the_server_do_not_hold_the_person(story: Story) -> None:
    """A deleted row stays in its file until the table is written again, and in the log until its segment goes."""
    with psycopg.connect(story.warehouse.operator_url, autocommit=True) as session:
        storage.clear_catalog_and_log(session)
        [(oid,)] = session.execute("select oid from pg_database where datname = current_database()").fetchall()
    data = warehouse_home() / "data"
    # The server's other databases hold the person, and write to the same log; this text was in this database only.
    texts = {f"base/{oid}": story.texts, "pg_wal": [f"Only Here Lane {story.who.number}"]}
    assert texts["pg_wal"][0] in story.texts
    holding = [
        path.name
        for folder, names in texts.items()
        for path in (data / folder).rglob("*")
        if path.is_file() and any(name.encode() in path.read_bytes() for name in names)
    ]
    assert holding == []


def test_no_total_of_money_changes(story: Story) -> None:
    """Books are closed: a figure of last year must be the same after an erasure, to the last decimal."""
    assert money(story.warehouse) == story.money
    assert "as before" in story.said


def test_an_incremental_build_equals_a_full_one(story: Story, work_on: Any, dbt: Dbt) -> None:
    """The erasure empties typed lines beside the model that types them, so both have to agree."""
    with work_on(story.warehouse) as copy:
        results = dbt("build", "--full-refresh", "--exclude-resource-type", "unit_test")
        assert {each.status for each in results.values()} <= {"success", "pass", "no-op", "warn"}
        for schema in ("silver", "gold"):
            assert fingerprints(copy.url, schema) == fingerprints(story.warehouse.url, schema)


def test_neither_release_brings_the_person_back(story: Story) -> None:
    """The tables of the release before hold the person, and a rollback would publish them."""
    assert ask(story.warehouse, "select count(*) from pg_class where relname ~ '__previous'") == [(0,)]
    assert ask(story.warehouse, "select count(*) from audit.rollback_steps") == [(0,)]


def test_a_branch_with_a_copy_of_the_person_goes(story: Story) -> None:
    """A developer's copy is as much the person's as the release is. A branch without a copy of the person stays."""
    assert re.search(r"rows  branch_mine_gold_tables\.customer_rfm, which goes with all of branch_mine\n", story.dry)
    assert "Dropped     branch_mine, which held a copy of rows of the customer" in story.said
    left = "select nspname from pg_namespace where nspname ~ '^branch_'"
    assert ask(story.warehouse, left) == [("branch_empty_gold",)]


def test_the_ledger_still_counts_every_row(story: Story) -> None:
    """A count that no longer agrees with the files looks like lost rows."""
    rows = ask(story.warehouse, LEDGER)
    assert all(expected == found for _, expected, found in rows)
    assert ask(story.warehouse, "select sum(rows_erased) > 0 from bronze.landed_files") == [(True,)]
    assert ask(
        story.warehouse,
        "select line, raw from bronze.rejected_rows where line > 1000000 order by line",
    ) == [(1000001, "[erased]"), (1000002, "[erased]"), (1000003, f"x,1{story.who.number}9,y")]


def test_the_event_names_the_approval_and_the_rows(story: Story) -> None:
    """Who can erase without a trace can hide a fraud."""
    [(request, approved, rows, left)] = ask(
        story.warehouse,
        "select details -> 'request', details ->> 'approved_by', details -> 'rows', details -> 'left'"
        " from audit.events where kind = 'erased'",
    )
    assert approved == "retail_builder"
    assert rows["bronze.transactions"] > 0
    assert left == {}
    assert ask(story.warehouse, "select erased_at is not null from audit.erasures where request = %s", request) == [
        (True,)
    ]


def test_captured_changes_stay_without_the_customer(story: Story) -> None:
    """The order is still a sale, and the number of another customer or invoice may begin like the customer's."""
    number = story.who.number
    assert re.search(r" 2 rows  bronze\.shop_changes, which stay without customer_id\n", story.dry)
    query = "select before ->> 'customer_id', after ->> 'customer_id', after ->> 'invoice' from bronze.shop_changes"
    assert ask(story.warehouse, f"{query} order by commit_lsn, seq") == [
        (None, None, "1"),
        (None, f"1{number}", "1"),
        (None, None, str(number)),
    ]


def test_a_dry_run_and_an_erasure_without_approval_change_nothing(story: Story) -> None:
    """Whoever only looks, or acts alone, must not erase."""
    assert story.unchanged
    assert re.search(r"rows  bronze\.customers, which go\n", story.dry)
    assert re.search(r"rows  bronze\.transactions, which stay without customer_id, _extra\n", story.dry)
    assert "Nothing changed" in story.dry
    [refused] = story.refused
    assert re.search(r"Error: request \d+ of postgres to erase customer \d+ is not approved: another steward", refused)


def test_a_second_time_and_an_unknown_customer_are_told(story: Story, work_on: Any, dbt: Dbt, tmp_path: Path) -> None:
    """A slip in the number must not pass for an erasure."""
    with work_on(story.warehouse):
        again = run(dbt, tmp_path, f"--customer={story.who.number}", "--yes")
        unknown = run(dbt, tmp_path, "--customer=999999999", "--yes")
        wrong = run(dbt, tmp_path, "--customer=12x", "--yes")
    assert f"Error: customer {story.who.number} was forgotten before" in again
    assert "Error: customer 999999999 is unknown" in unknown
    assert "is no customer number" in wrong


def test_a_file_that_lands_again_does_not_bring_the_person_back(
    story: Story, work_on: Any, dbt: Dbt, tmp_path: Path
) -> None:
    """The shop's systems deliver old rows again, in other files and other spellings."""
    number, (email, *_) = story.who.number, story.who.addresses
    lines = "".join(
        f"77777{place},85123A,LANTERN,6,2010-12-01 08:26:00,2.55,{spelling},United Kingdom\n"
        for place, spelling in enumerate([number, f"{number}.0", f" 0{number} ", f'"{number:,}"', number + 1])
    )
    (tmp_path / "sales.csv").write_text(HEADER + lines + f"777779,85123A,{number},broken\n")
    header = "customer_id,name,email,phone,address,postcode,birth_year,marketing_consent,registered_at,"
    header += "effective_date,recorded_at\n"
    rest = "Ada Example,{},,,,1980,yes,2010-01-01,2010-01-01,2010-01-01 10:00:00\n"
    (tmp_path / "customers.csv").write_text(
        header
        + f"{number},"
        + rest.format("new@example.org")
        + "?,"
        + rest.format(email.upper())
        + "1,"
        + rest.format(email)
    )
    with work_on(story.warehouse) as warehouse:
        files = {file.name: file for file in land([tmp_path], warehouse.url).files}
        assert {file.outcome for file in files.values()} == {"landed"}
        sales, customers = files["sales.csv"].file_id, files["customers.csv"].file_id
        landed_numbers = ask(
            warehouse, "select customer_id from bronze.transactions where _file_id = %s order by _line", sales
        )
        assert landed_numbers == [(None,)] * 4 + [(str(number + 1),)]
        assert ask(warehouse, "select raw from bronze.rejected_rows where file_id = %s", sales) == [("[erased]",)]
        # The address of the person in a row of another number is that person's own business.
        assert ask(warehouse, "select customer_id from bronze.customers where _file_id = %s", customers) == [("1",)]
        assert ask(warehouse, "select rows_erased from bronze.landed_files where file_id = %s", customers) == [(2,)]
        results = dbt("build", "--select", "stg_retail__landed_files", "source:retail", "stg_retail__customers")
        assert {each.status for name, each in results.items() if "ledger" in name} == {"pass"}


def test_a_failed_build_is_told_and_the_next_run_goes_on(
    built: Database, work_on: Any, dbt: Dbt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure that stops half-way and says nothing leaves the person in the release."""
    with work_on(built) as warehouse:
        [(number, _)] = ask(warehouse, SOMEBODY)

        def refuse(**_: object) -> Outcome:
            raise Refusal("dbt cannot begin.")

        monkeypatch.setattr(command, "load_dbt", lambda *_: SimpleNamespace(build=refuse))
        said = run(dbt, tmp_path, f"--customer={number}", "--yes")
        assert f"Error: dbt cannot begin; customer {number} is erased from what has landed, and the release" in said
        again = run(dbt, tmp_path, f"--customer={number}", "--yes")
        assert f"Error: dbt cannot begin; customer {number} is erased from what has landed" in again
        assert ask(warehouse, "select count(*) from audit.events where kind = 'erased'") == [(0,)]


def test_two_stewards_make_four_eyes_the_rule(built: Database, work_on: Any, dbt: Dbt, tmp_path: Path) -> None:
    """Where a second person could look, nobody erases alone."""
    with work_on(built) as warehouse, psycopg.connect(warehouse.operator_url, autocommit=True) as session:
        [(number, _)] = ask(warehouse, SOMEBODY)
        is_new = session.execute("select to_regrole('retail_steward') is null").fetchone() == (True,)
        if is_new:
            session.execute("create role retail_steward nologin")
        session.execute("create role eva login in role retail_steward; create role ola login in role retail_steward")
        try:
            said = run(dbt, tmp_path, f"--customer={number}", "--yes")
        finally:
            session.execute("drop role eva, ola")
            if is_new:
                session.execute("drop role retail_steward")
    assert f"Error: an erasure takes two stewards: one runs `select audit.request_erasure({number}, 'reason')`" in said


def test_a_developer_erases_nothing(built: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bronze is shared: the release that readers see would keep a person whom bronze has lost."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DBT_TARGET", "dev")
    monkeypatch.setenv("DBT_SCHEMA", "eva")
    done = CliRunner().invoke(command.main, ["--customer=12346", "--yes"])
    assert done.output.startswith("Error: target 'dev' shares bronze with `prod`: run `make forget` there")


def test_a_session_that_still_sees_the_rows_is_named(built: Database) -> None:
    """While it lasts, no rewrite of a table removes what it sees."""
    with (
        psycopg.connect(built.operator_url) as reader,
        psycopg.connect(built.operator_url, autocommit=True) as session,
    ):
        reader.execute("set transaction isolation level repeatable read")
        pid = reader.execute("select pg_backend_pid()").fetchall()[0][0]
        [(transaction,)] = session.execute("select pg_current_xact_id()::text::bigint").fetchall()
        assert any(f"process {pid} " in who for who in storage.still_seen_by(session, transaction))
        reader.rollback()
        assert not any(f"process {pid} " in who for who in storage.still_seen_by(session, transaction))


def test_code_that_names_the_number_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests and documents name numbers of customers, and a review parses the commit that it has checked out."""
    project, home = tmp_path / "project", tmp_path / "home"
    base = project / "target" / "review" / "base-0123456789ab"
    written = [base.parent / "review.md", base / "target" / "compiled.sql", project / "target" / "run_results.json"]
    code = [project / "seeds" / "some.csv", base / "tests" / "python" / "test_some.py", base / "models" / "some.sql"]
    for file in (*written, *code):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("customer 12346")
    for folder in (project, base):
        (folder / "dbt_project.yml").write_text("name: some")
    monkeypatch.setenv("DBT_LOG_PATH", str(tmp_path / "logs"))
    monkeypatch.delenv("DBT_TARGET_PATH", raising=False)
    names = sorted(str(file.relative_to(project)) for file in written)
    assert sorted(traces.remove(12346, [], home, project)) == names
    # dbt may write into the project itself, or beside it
    for folder in (project, tmp_path):
        monkeypatch.setenv("DBT_TARGET_PATH", str(folder))
        assert traces.remove(12346, [], home, project) == []
    assert all(file.exists() for file in code)


def test_a_restore_knows_who_was_erased_since(tmp_path: Path) -> None:
    """A backup brings back everybody who was erased after it."""
    before = datetime.now(timezone.utc) - timedelta(seconds=5)
    erased.note_erasure(tmp_path, 12346)
    after = datetime.now(timezone.utc) + timedelta(seconds=5)
    assert (erased.erased_since(tmp_path, before), erased.erased_since(tmp_path, after)) == ([12346], [])
    assert erased.erased_since(tmp_path / "none", before) == []


@pytest.mark.parametrize(
    ("delivered", "number"),
    [
        ("12346", "12346"), (" 012346.0 ", "12346"), ("12,346", "12346"), ("12346,00", "12346"), ("1.2346e4", "12346"),
        ("12 346", "12346"), ("12346.5", None), ("abc", None), ("", None), ("1e999999", None), ("NaN", None),
    ],
)  # fmt: skip
def test_a_number_is_found_however_it_is_written(story: Story, delivered: str, number: str | None) -> None:
    """What models read as the number must be erased, too."""
    assert ask(story.warehouse, "select bronze.plain_number(%s)", delivered) == [(number,)]
