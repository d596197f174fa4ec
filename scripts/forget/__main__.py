"""`make forget`: erase a customer from everything that the warehouse holds."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import psycopg
from psycopg import sql
from rich.console import Console

from scripts import connection, revisions
from scripts.backup import erased, stock
from scripts.build import report
from scripts.build.clock import Clock
from scripts.build.log import Log
from scripts.build.run import alone, load_dbt
from scripts.errors import Refusal
from scripts.forget import landed, storage, traces
from scripts.governance.events.recording import record_event
from scripts.governance.people.archived import LAYER, archived, with_archived_addresses
from scripts.governance.people.held import IMAGES, NUMBER, Held, Person, number_of, person, rows_of
from scripts.land.contract import Contract, read_contract
from scripts.paths import PROJECT_ROOT, warehouse_home
from scripts.playground import schemas as playground
from scripts.privacy import keep_private

if TYPE_CHECKING:
    from scripts.build.dbt import Project

NAMES_SHOWN = 3
REQUESTS = """
    select request, requested_by, approved_by
    from audit.erasures
    where customer_id = %s and erased_at is null
    order by (approved_by is not null) desc, request desc
    limit 1
"""
STEWARDS = """
    select count(*)
    from pg_roles
    where rolcanlogin and not rolsuper and pg_has_role(oid, 'retail_steward', 'member')
"""


class Approval(NamedTuple):
    """By what an erasure is allowed.

    Attributes:
        request: the number of the request, or None if there is none.
        approved_by: who approved it.
    """

    request: int | None
    approved_by: str | None


class Case(NamedTuple):
    """What is to be erased.

    Attributes:
        who: the person.
        found: all rows of the person.
        approval: by what the erasure is allowed.
        playgrounds: the prefixes of playgrounds whose tables hold rows of the person.
    """

    who: Person
    found: Sequence[Held]
    approval: Approval
    playgrounds: Sequence[str] = ()


class Totals(NamedTuple):
    """What must not change.

    Attributes:
        lines: of `gold.fct_sales`.
        net_amount: their sum.
    """

    lines: int
    net_amount: Any


@click.command()
@click.option("--customer", default="", help="The number of the customer.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
@click.option("--vars", "variables", help="Other values of variables of dbt_project.yml, in YAML.")
def main(customer: str, *, yes: bool, dry_run: bool, variables: str | None) -> None:
    """Erase a customer. Sales keep their lines, as sales to the unknown customer, so no total of money changes."""
    keep_private()
    number = number_of(customer)
    if connection.target_name() == "dev":
        raise Refusal(
            "target 'dev' shares bronze with `prod`: run `make forget` there, and build again. Nothing changed."
        )
    console = Console(highlight=False, soft_wrap=True)
    contract = read_contract()
    with alone(console), closing(connection.connect(autocommit=True, name="forget", operator=True)) as session:
        _refuse_other_revision(session)
        with _one_snapshot(session):
            who = with_archived_addresses(session, person(session, number))
            found = [*rows_of(session, who), *archived(session, who)]
        _refuse_unknown(session, number, found)
        places = {name: each.prefix for each in playground.playgrounds(session) for name in each.schemas}
        for each in found:
            place = places.get(each.table.layer)
            fate = f"which goes with all of {place}" if place else _fate(each, contract)
            console.print(f"{len(each.rows):>9,} rows  {each.table.layer}.{each.table.name}, {fate}")
        if dry_run:
            console.print(f"Nothing changed. Without DRY=1, customer {number} is erased from all of these.")
            return
        approval = _approval(session, number)
        if not yes:
            click.confirm(f"Erase customer {number} for good?", abort=True)
        try:
            copied = sorted({places[each.table.layer] for each in found if each.table.layer in places})
            _forget(console, session, contract, Case(who, found, approval, copied), variables)
        except psycopg.Error as error:
            raise Refusal(
                f"the database gave up: {' '.join(str(error).split())}. Mend the cause, then run this again: it goes "
                "on where it stopped."
            ) from error


def _forget(
    console: Console, session: psycopg.Connection[Any], contract: Contract, case: Case, variables: str | None
) -> None:
    who, found, approval, copied = case
    log = Log(console)
    # First, because it is refused while one of them is being built, and then nothing has changed.
    for prefix in copied:
        playground.drop(prefix)
        console.print(f"Dropped     {prefix}, which held a copy of rows of the customer: build in it again")
    before = _totals(session)
    texts, files = landed.texts_of(session, contract, who), landed.files_of(session, contract, who)
    with ThreadPoolExecutor(1, thread_name_prefix="dbt") as pool:
        loading = pool.submit(load_dbt, variables, Clock(log.say)) if before else None
        log.say("erase landed rows")
        erased_rows = landed.erase(session, contract, who, found)
        storage.rewrite(_names(found, in_bronze=True) | landed.TEXTS)
        if loading:
            _build(console, session, loading, log, who.number)
    landed.built(session)
    copies = erase_copies(session, case, loading.result().relations if loading else None)
    log.say("write tables again without old rows")
    _clear_storage(console, session, found, erased_rows)
    log.say("search files and tables")
    deleted = traces.remove(who.number, texts, warehouse_home(), PROJECT_ROOT)
    left = landed.remains(session, who)
    after = _totals(session)
    rows = {f"{each.table.layer}.{each.table.name}": len(each.rows) for each in found}
    details = {
        "request": approval.request,
        "approved_by": approval.approved_by,
        "rows": rows,
        "left": {f"{each.table.layer}.{each.table.name}": len(each.rows) for each in left},
    }
    record_event(session, "erased", f"customer {who.number}", details)
    for relation, count in {**erased_rows.rows, **copies}.items():
        if count:
            console.print(f"Erased      {count:,} rows of {relation}")
    if erased_rows.archives:
        console.print(f"Erased      rows of {erased_rows.archives} files of the archive, which were written again")
    for name in deleted:
        console.print(f"Deleted     {name}")
    if before and after:
        same = "as before" if before == after else f"before: {before.lines:,} lines, {before.net_amount}"
        console.print(f"Totals      {after.lines:,} lines, {after.net_amount} in gold.fct_sales, {same}")
    _report_outside(console, who.number, files)
    _refuse_remains(who.number, left)
    console.print(f"Forgotten   customer {who.number}: no table has a row of this number or of a key made from it")


@contextmanager
def _one_snapshot(session: psycopg.Connection[Any]) -> Iterator[None]:
    session.execute("begin isolation level repeatable read, read only")
    try:
        yield
    finally:
        session.execute("rollback")


def _refuse_other_revision(session: psycopg.Connection[Any]) -> None:
    state = revisions.current(session)
    if state is None:
        raise Refusal("nothing has landed in this warehouse yet, so there is nobody to forget.")
    if state != revisions.head():
        raise Refusal(revisions.mismatch(state))


def _refuse_unknown(session: psycopg.Connection[Any], number: int, found: Sequence[Held]) -> None:
    if found:
        return
    if landed.is_erased(session, number):
        raise Refusal(f"customer {number} was forgotten before: no table holds a row of this number. Nothing changed.")
    raise Refusal(f"customer {number} is unknown: no table holds a row of this number. Nothing changed.")


def _approval(session: psycopg.Connection[Any], number: int) -> Approval:
    """Return the approval of an erasure. Four eyes are needed as soon as two stewards have logins.

    Raises:
        Refusal: the erasure is not approved.
    """
    request = session.execute(REQUESTS, [number]).fetchone()
    if request and request[2]:
        return Approval(request[0], request[2])
    if request:
        raise Refusal(
            f"request {request[0]} of {request[1]} to erase customer {number} is not approved: another steward runs "
            f"`select audit.approve_erasure({request[0]})`. Nothing changed."
        )
    exists = session.execute("select to_regrole('retail_steward') is not null").fetchone() == (True,)
    if exists and session.execute(STEWARDS).fetchall()[0][0] > 1:
        raise Refusal(
            f"an erasure takes two stewards: one runs `select audit.request_erasure({number}, 'reason')`, the other "
            "`select audit.approve_erasure(request)`, then run this again. Nothing changed."
        )
    return Approval(None, None)


def _fate(held: Held, contract: Contract) -> str:
    """Say what becomes of the rows of a relation."""
    if held.table.layer == LAYER:
        return f"{held.found_by}, which is written again"
    if held.table.name.endswith("__previous"):
        return "which go with the release before"
    if held.table.layer in _built_schemas() - {landed.BRONZE}:
        return "which the next release is built without"
    return _fate_in_bronze(held, contract) if held.table.layer == landed.BRONZE else "which go"


def _fate_in_bronze(held: Held, contract: Contract) -> str:
    for landing in contract.landings:
        if landing.table == held.table.name and landing.erasure:
            emptied = landing.erasure.emptied
            return "which go" if emptied is None else f"which stay without {', '.join(emptied)}"
    if held.found_by in IMAGES:
        return f"which stay without {NUMBER}"
    return "which stay without their text"


def _totals(session: psycopg.Connection[Any]) -> Totals | None:
    """Return the totals of gold, or None if nothing is released."""
    name = (connection.schema_of("gold"), "fct_sales")
    if session.execute("select to_regclass(%s)", [".".join(name)]).fetchone() == (None,):
        return None
    query = sql.SQL("select count(*), sum(net_amount) from {}").format(sql.Identifier(*name))
    return Totals(*session.execute(query).fetchall()[0])


def _build(
    console: Console, session: psycopg.Connection[Any], loading: "Future[Project]", log: Log, number: int
) -> None:
    """Release gold without the customer, and drop the release before.

    Raises:
        Refusal: the build failed.
    """
    unfinished = (
        f"customer {number} is erased from what has landed, and the release still holds the customer: mend the cause, "
        "then run this again."
    )
    try:
        project = loading.result()
        outcome = project.build(full_refresh=False, log=log)
    except Refusal as refusal:
        raise Refusal(f"{refusal.message.rstrip('.')}; {unfinished}") from refusal
    failed = [step for step in outcome.steps if step.status in ("error", "fail")]
    if failed:
        for step in failed[: report.FAILURES_SHOWN]:
            click.echo(f"Error: {step.complaint()}", err=True)
        raise Refusal(f"{len(failed)} of {len(outcome.steps)} steps of the build failed; {unfinished}")
    project.operate("drop_previous_release")
    bi = connection.schema_of("bi")
    if session.execute("select to_regnamespace(%s)", [bi]).fetchone() != (None,):
        project.operate("copy_for_bi", "--args", "{again: true}")


def erase_copies(session: psycopg.Connection[Any], case: Case, made: set[str] | None) -> dict[str, int]:
    """Delete rows of tables that no build makes again: those that users have made, and models that are switched off.

    Args:
        session: a session in autocommit mode, of a role that may write to these tables.
        case: the person, and where the person was found.
        made: the relations that the build has made, outside of gold, with their schemas; None if nothing was built.
    """
    known = {*_built_schemas(), *landed.schemas()}
    optional = set() if made is None else {connection.schema_of(layer) for layer in ("silver", "profiles")}
    copies = [
        table
        for table in (each.table for each in case.found)
        if table.layer not in known or (table.layer in optional and f"{table.layer}.{table.name}" not in (made or ()))
    ]
    return landed.delete(session, copies, case.who)


def _built_schemas() -> set[str]:
    """Return the schemas in which only a build or a landing may change rows."""
    layers = ("silver", "gold", "gold_tables", "gold_partitions", "gold_candidate", "profiles")
    return {landed.BRONZE, *(connection.schema_of(layer) for layer in layers)}


def _clear_storage(
    console: Console, session: psycopg.Connection[Any], found: Sequence[Held], erased_rows: landed.Erased
) -> None:
    in_bronze = _names(found, in_bronze=True) | landed.TEXTS
    others = (_names(found, in_bronze=False) | set(erased_rows.rows)) - in_bronze
    storage.rewrite(others)
    if connection.target_name() == "local":
        storage.clear_catalog_and_log(session)
    if seen_by := storage.still_seen_by(session, erased_rows.transaction):
        console.print(
            f"Warning     {', '.join(seen_by)} began before the erasure, so old rows stay on disk: when it has ended, "
            f"run `vacuum full {', '.join(sorted(in_bronze | others))}`"
        )


def _names(found: Sequence[Held], *, in_bronze: bool) -> set[str]:
    """Return the names of relations that lost rows."""
    return {
        f"{each.table.layer}.{each.table.name}" for each in found if (each.table.layer == landed.BRONZE) is in_bronze
    }


def _report_outside(console: Console, number: int, files: Sequence[str]) -> None:
    """Say where the customer still is, because the warehouse does not own it."""
    if files:
        names = ", ".join(files[:NAMES_SHOWN]) + (" and others" if len(files) > NAMES_SHOWN else "")
        console.print(f"Outside     {len(files)} landed files hold the customer, and no command deletes them: {names}")
    if connection.target_name() != "local":
        console.print("Outside     backups and the write-ahead log of the server, which its administrators keep")
        return
    folder = stock.default_folder(warehouse_home())
    backups = stock.read(folder) if folder.is_dir() else []
    if backups:
        erased.note_erasure(folder, number)
        console.print(
            f"Outside     {len(backups)} backups hold the customer until they are deleted (`make backups`); a restore "
            "names this erasure"
        )


def _refuse_remains(number: int, left: Sequence[Held]) -> None:
    if left:
        names = ", ".join(f"{each.table.layer}.{each.table.name} ({len(each.rows)})" for each in left)
        raise Refusal(f"rows of customer {number} are still in {names}: drop these relations or build them again.")


if __name__ == "__main__":
    main(prog_name="python -m scripts.forget")
