"""Each role does what roles.yml declares and nothing else, through every kind of build."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from click.testing import CliRunner
from dbt_project import Dbt
from harness import Database

from scripts import revisions
from scripts.errors import Refusal
from scripts.governance.roles import apply as applying
from scripts.governance.roles import users
from scripts.governance.roles.__main__ import main
from scripts.governance.roles.declaration import Role, read_roles
from scripts.land import land
from scripts.paths import PROJECT_ROOT, warehouse_home

ROLES = read_roles()
PEOPLE = [role.name for role in ROLES if not role.managed_elsewhere]
ALL = [role.name for role in ROLES]

# What no role may do, the builder included.
OF_THE_SUPERUSER = """
create role mine
create user mine superuser
alter role postgres password 'mine'
alter role {role} superuser
alter role {role} createrole
alter role {role} bypassrls
alter role retail_auditor login
drop role retail_auditor
grant pg_read_all_data to {role}
grant pg_write_all_data to {role}
grant pg_execute_server_program to {role}
grant postgres to {role}
set role postgres
set role pg_read_all_data
set session authorization postgres
create database mine
drop database postgres
alter database postgres owner to {role}
alter system set fsync = off
create tablespace mine location '/tmp'
create event trigger mine on ddl_command_end execute function pg_catalog.now()
create publication mine for all tables
create subscription mine connection 'dbname=retail' publication mine
copy (select 1) to program 'true'
copy (select 1) to '/tmp/mine'
copy pg_catalog.pg_class from '/etc/passwd'
select pg_read_file('postgresql.conf')
select pg_read_binary_file('PG_VERSION')
select pg_ls_dir('.')
select pg_stat_file('PG_VERSION')
select lo_import('/etc/passwd')
select lo_export(1, '/tmp/mine')
select * from pg_authid
select * from pg_hba_file_rules
select * from pg_catalog.pg_file_settings
select pg_reload_conf()
select pg_rotate_logfile()
select pg_switch_wal()
select pg_terminate_backend({superuser})
select pg_cancel_backend({superuser})
set session_replication_role = replica
set log_statement = 'all'
set log_error_verbosity = verbose
delete from pg_catalog.pg_class
update pg_catalog.pg_authid set rolsuper = true
create function public.mine() returns void language c as 'mine'
create table pg_catalog.mine (id integer)
alter function pg_catalog.now() owner to {role}
create foreign data wrapper mine
delete from governance.rights
insert into governance.rights values ('{role}', 'relation', 'bronze', '%', '{{}}')
drop view governance.drift
alter table governance.roles owner to {role}
create table governance.mine (id integer)
""".strip().splitlines()

# What a role that owns nothing may not do.
OF_THE_BUILDER = """
select * from bronze.transactions
select * from bronze.customers
select * from profiles.dim_customer_profile
select * from profiles.stg_retail__customers
select * from silver.int_lines_classified
select * from gold_tables.dim_customer
select * from gold_candidate.dim_customer
explain analyze select * from profiles.dim_customer_profile
insert into gold.dim_country select * from gold.dim_country
update gold.dim_country set country_name = ''
delete from gold.dim_country
truncate gold_tables.dim_customer
delete from audit.releases
update audit.checks set check_name = ''
truncate audit.runs
delete from history.snp_customer_versions
update history.snp_product_versions set dbt_valid_to = now()
delete from profiles.dim_customer_profile
copy gold_tables.dim_country from stdin
drop view gold.daily_sales
drop table profiles.dim_customer_profile
drop schema gold cascade
alter view gold.daily_sales owner to {role}
alter view profiles.customers_with_consent set (security_barrier = false)
alter table profiles.dim_customer_profile add column mine text
alter function gold.dim_customer_as_known owner to {role}
create or replace view profiles.customers_with_consent as select 1 as mine
create table gold.mine (id integer)
create view silver.mine as select 1 as mine
create table public.mine (id integer)
create schema mine
create function gold.mine() returns integer language sql as 'select 1'
create index on profiles.dim_customer_profile (email)
create trigger mine before insert on bronze.customers execute function suppress_redundant_updates_trigger()
create policy mine on profiles.dim_customer_profile
create rule mine as on select to gold.daily_sales do instead nothing
create statistics on email, phone from profiles.dim_customer_profile
grant select on profiles.dim_customer_profile to {role}
grant usage on schema gold_tables to public
alter default privileges for role retail_builder grant select on tables to public
comment on view gold.daily_sales is 'mine'
do 'begin lock table gold_tables.dim_customer in access exclusive mode; end'
alter database {database} set work_mem = '1GB'
set role retail_builder
""".strip().splitlines()

# What belongs to another role.
OF_OTHERS = {
    "retail_analyst": ["customers_with_consent", "quarantined_customers", "profile_in_clear(1, 'curiosity')"],
    "retail_marketing": ["customer_profiles_masked", "quarantined_customers", "profile_in_clear(1, 'curiosity')"],
    "retail_steward": ["customers_with_consent", "customer_profiles_masked", "profile_in_clear(1, 'curiosity')"],
    "retail_auditor": ["customers_with_consent", "customer_profiles_masked", "profile_in_clear(1, 'curiosity')"],
    "retail_loader": ["customers_with_consent", "customer_profiles_masked", "profile_in_clear(1, 'curiosity')"],
}

CUSTOMERS = (
    "CustomerID,Name,Email,Phone,Address,Postcode,BirthYear,MarketingConsent,RegisteredAt,EffectiveDate,RecordedAt\n"
)
# Each value of a canary occurs nowhere else. The quarantined row lacks its day, the rejected row has too many fields.
CANARY = (
    "{number},Zyx{who} Canaryname,zyx{who}@9canary{who}.example,+4479{number}1,{number} Canary{who} Street,"
    "QX{digit} 9{who},"
    "19{digit}1,{consent},2010-01-01 09:00:00,{day},2010-01-02 09:00:00{more}\n"
)
CANARIES = {
    "consenting": {"number": 7700001, "who": "ca", "digit": 1, "consent": "yes", "day": "2010-01-02", "more": ""},
    "refusing": {"number": 7700002, "who": "cb", "digit": 2, "consent": "no", "day": "2010-01-02", "more": ""},
    "quarantined": {"number": 7700003, "who": "cc", "digit": 3, "consent": "yes", "day": "someday", "more": ""},
    "rejected": {"number": 7700004, "who": "cd", "digit": 4, "consent": "yes", "day": "2010-01-02", "more": ",x,y,z"},
}
SALES = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
GOOD_LINE = "7100001,85123A,LANTERN,6,2011-11-30 10:00:00,2.55,7700001,United Kingdom\n"
BAD_LINE = "71{number},85123A,LANTERN,six,2011-11-30 10:00:00,2.55,7700001,United Kingdom\n"

REACHED = """
    select format('%I.%I', nspname, relname)
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where
        relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^pg_toast|^pg_temp' and nspname <> 'information_schema'
        and has_schema_privilege(pg_namespace.oid, 'usage')
        and (has_table_privilege(pg_class.oid, 'select') or has_any_column_privilege(pg_class.oid, 'select'))
        -- The catalogue has no rows of people, except in what it samples and shows of sessions.
        and (nspname <> 'pg_catalog' or relname in ('pg_stats', 'pg_stats_ext', 'pg_stat_activity', 'pg_largeobject'))
        -- What belongs to a partitioned table or a candidate is read through it.
        and not relispartition
    order by 1
"""

Finding = tuple[str, str, str]


def pattern(*canaries: str) -> str:
    """Return a pattern that finds any value of some canaries, as delivered and as cleaned."""
    patterns = []
    for canary in canaries:
        who, number, digit = (str(CANARIES[canary][key]) for key in ("who", "number", "digit"))
        patterns.append(f"[Zz]yx{who}|[Cc]anary{who}|4479{number}1|QX{digit} 9({who}|{who.upper()})")
    return "|".join(patterns)


class Warehouse(NamedTuple):
    """A warehouse with roles, and a login for each."""

    database: Database
    dbt: Dbt

    def session(self, role: str) -> psycopg.Connection[Any]:
        """Open a session with the rights of a role."""
        login = f"probe_{role.removeprefix('retail_')}" if role in PEOPLE else "retail_builder"
        session = psycopg.connect(self.database.operator_url.replace("postgres@", f"{login}@"), autocommit=True)
        if role == "retail_loader":
            session.execute("set role retail_loader")
        return session

    def allowed(self) -> list[str]:
        """Return the forbidden actions that are not denied."""
        found = []
        with psycopg.connect(self.database.operator_url) as superuser:
            for role in ALL:
                names = {"role": role, "superuser": superuser.info.backend_pid, "database": self.database.name}
                forbidden = OF_THE_SUPERUSER + (OF_THE_BUILDER if role != "retail_builder" else [])
                others = [f"select * from profiles.{name}" for name in OF_OTHERS.get(role, [])]
                with self.session(role) as session:
                    for statement in [*(action.format(**names) for action in forbidden), *others]:
                        # The loader's session may take back its step down, so its rights are set anew.
                        if role == "retail_loader" and statement == "set role retail_builder":
                            continue
                        if not is_denied(session, statement):
                            found.append(f"{role}: {statement}")
        return found

    def sightings(self, roles: list[str] = ALL) -> set[Finding]:
        """Return which role finds which canary in which relation, of all that the role can read."""
        found: set[Finding] = set()
        for role in roles:
            with self.session(role) as session:
                relations = [name for (name,) in session.execute(REACHED).fetchall()]
                numbers = [canary["number"] for canary in CANARIES.values()]
                clear = [f"profiles.profile_in_clear({number}, 'test')" for number in numbers]
                with suppress(psycopg.errors.InsufficientPrivilege):
                    for number in numbers:
                        session.execute("select audit.announce_reading(%s, 'a test of rights')", [number])
                    clear += [f"audit.read_profile({number})" for number in numbers]
                for relation in [*relations, *clear]:
                    try:
                        if self._shows(session, relation, *CANARIES):
                            name = relation.partition("(")[0]
                            found |= {(role, name, who) for who in CANARIES if self._shows(session, relation, who)}
                    # Denied, or replaced by a build since the list was read.
                    except (
                        psycopg.errors.InsufficientPrivilege,
                        psycopg.errors.UndefinedTable,
                        psycopg.errors.UndefinedFunction,
                        psycopg.errors.SerializationFailure,
                    ):
                        continue
        # A session shows its own statement, and pg_stats shows samples of the tables that the role may read.
        seen = {(role, who) for role, relation, who in found if not relation.startswith("pg_catalog.")}
        return {
            (role, relation, who)
            for role, relation, who in found
            if relation != "pg_catalog.pg_stat_activity"
            and not (relation == "pg_catalog.pg_stats" and (role, who) in seen)
        }

    @staticmethod
    def _shows(session: psycopg.Connection[Any], relation: str, *canaries: str) -> bool:
        query = f"select from {relation} as rows where rows::text ~ %s limit 1"
        return bool(session.execute(query, [pattern(*canaries)]).fetchall())


def is_denied(session: psycopg.Connection[Any], statement: str) -> bool:
    """Return whether PostgreSQL denies a statement, whatever else it may say of it."""
    try:
        session.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return True
    except psycopg.Error:
        return False
    return False


def declared_sightings() -> set[Finding]:
    """Return what the table of docs/governance.md says: which role finds which canary where."""
    page = (PROJECT_ROOT / "docs/governance.md").read_text()
    section = page.partition("### Where direct personal data show up")[2].partition("\n## ")[0]
    head, _, *rows = [
        [cell.strip().strip("`") for cell in line.strip("| \n").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    kept = {
        "bronze.customers": ["consenting", "refusing", "quarantined"],
        "bronze.rejected_rows": ["rejected"],
        "profiles.stg_retail__customers": ["consenting", "refusing", "quarantined"],
        "profiles.quarantined_customers": ["quarantined"],
    }
    people = ["consenting", "refusing"]
    return {
        (role, relation, canary)
        for relation, *cells in rows
        for role, cell in zip(head[1:], cells, strict=True)
        for canary in {"yes": kept.get(relation, people), "with consent": ["consenting"], "no": []}[cell]
    }


class Stage(NamedTuple):
    """What was true after one step of the story."""

    allowed: list[str]
    sightings: set[Finding]
    drift: list[applying.Drift]


class Story(NamedTuple):
    """What was true after each step, and during the builds."""

    stages: dict[str, Stage]
    during: set[Finding]
    outcomes: dict[str, bool]
    log: bytes
    artifacts: dict[str, bytes]


@pytest.fixture(scope="module")
def warehouse(
    built: Database, work_on: Callable[..., AbstractContextManager[Database]], dbt: Dbt
) -> Iterator[Warehouse]:
    """Copy the built warehouse, make the roles, and a login for each that is for people."""
    with work_on(built) as copy:
        with psycopg.connect(copy.operator_url, autocommit=True) as operator:
            revisions.protect(operator)
            applying.apply(operator, ROLES)
            for role in PEOPLE:
                users.make_user(operator, f"probe_{role.removeprefix('retail_')}", role, "a-long-Probe-4-tests")
        yield Warehouse(copy, dbt)
        with psycopg.connect(copy.operator_url, autocommit=True) as operator:
            for role in PEOPLE:
                operator.execute(f"drop role probe_{role.removeprefix('retail_')}")


@pytest.fixture(scope="module")
def story(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Land the canaries, and build in every way, with a look at all roles in between and meanwhile."""
    folder = tmp_path_factory.mktemp("canaries")
    stages, outcomes, during = {}, {}, set()
    database, dbt = warehouse.database, warehouse.dbt
    over = threading.Event()

    def look() -> Stage:
        with psycopg.connect(database.operator_url, autocommit=True) as operator:
            drift = applying.drift(operator)
        return Stage(warehouse.allowed(), warehouse.sightings(), drift)

    def keep_looking() -> None:
        while not over.is_set():
            during.update(warehouse.sightings(PEOPLE))
            over.wait(2)

    def build(*options: str) -> bool:
        results = dbt("build", "--exclude-resource-type", "unit_test", *options)
        return all(result.status in ("success", "pass", "warn", "no-op") for result in results.values())

    stages["before"] = look()
    (folder / "customers.csv").write_text(CUSTOMERS + "".join(CANARY.format(**values) for values in CANARIES.values()))
    (folder / "sales.csv").write_text(SALES + GOOD_LINE)
    report = land([folder], database.url)
    assert [file.outcome for file in report.files] == ["landed", "landed"], report.files
    watch = threading.Thread(target=keep_looking)
    watch.start()
    try:
        outcomes["incremental"] = build("--write-json")
        stages["incremental"] = look()
        outcomes["full"] = build("--full-refresh")
        stages["full"] = look()
        dbt("run-operation", "pg_wap.rollback")
        outcomes["rollback"] = dbt.errors == []
        stages["rollback"] = look()
        (folder / "bad.csv").write_text(
            SALES + "".join(BAD_LINE.format(number=10_000 + n) for n in range(40)) + GOOD_LINE * 100
        )
        land([folder], database.url)
        outcomes["failed"] = build()
        stages["failed"] = look()
    finally:
        over.set()
        watch.join()
    artifacts = {
        str(path): path.read_bytes()
        for root in (dbt.target_path, dbt.log_path)
        for path in root.rglob("*")
        if path.is_file()
    }
    return Story(stages, during, outcomes, (warehouse_home() / "server.log").read_bytes(), artifacts)


STAGES = ["before", "incremental", "full", "rollback", "failed"]


@pytest.mark.parametrize("stage", STAGES)
def test_forbidden_actions_are_denied(story: Story, stage: str) -> None:
    """A right that a build brings back, or a table that it makes without rights, would open the warehouse unnoticed."""
    assert min(len(OF_THE_SUPERUSER), len(OF_THE_BUILDER)) >= 40
    assert story.stages[stage].allowed == []


@pytest.mark.parametrize("stage", STAGES[1:])
def test_canaries_show_up_where_the_table_of_rights_says(story: Story, stage: str) -> None:
    """The table is a promise to customers, so it must be neither wider nor narrower than the truth."""
    assert story.stages[stage].sightings == declared_sightings()


def test_no_canary_shows_up_elsewhere_during_builds(story: Story) -> None:
    """A table that is built aside, or a view that is made again, may be readable for a moment only."""
    assert story.during <= declared_sightings()


def test_no_canary_is_in_logs_and_artifacts(story: Story) -> None:
    """Logs are read by people without a role, and kept for longer than the data."""
    found = re.compile(pattern(*CANARIES).encode(), re.IGNORECASE)
    assert not found.search(story.log)
    assert story.artifacts
    assert [path for path, content in story.artifacts.items() if found.search(content)] == []


@pytest.mark.parametrize("stage", STAGES)
def test_no_build_makes_drift(story: Story, stage: str) -> None:
    """A release must grant what roles.yml declares on its new relations, and nothing else."""
    assert story.stages[stage].drift == []


def test_the_story_is_about_every_kind_of_build(story: Story) -> None:
    """The tests above prove nothing of a build that did not happen."""
    assert story.outcomes == {"incremental": True, "full": True, "rollback": True, "failed": False}


def test_marks_of_masks_are_seen_by_analysts(story: Story, warehouse: Warehouse) -> None:
    """A mask that hides everything is of no use, and would pass every test above."""
    query = "select masked_email, postcode_area from profiles.customer_profiles_masked where masked_email like '%@9*%'"
    with warehouse.session("retail_analyst") as session:
        assert session.execute(query).fetchall() == [("z***@9***.example", "QX")] * 2


def test_a_profile_in_clear_needs_a_purpose(story: Story, warehouse: Warehouse) -> None:
    """A look into a profile that nobody can explain is a breach."""
    with (
        warehouse.session("retail_steward") as session,
        pytest.raises(psycopg.errors.RaiseException, match="a reason of at least 5 characters"),
    ):
        session.execute("select audit.announce_reading(7700001, ' ')")


# `make roles` and `make user`


@pytest.fixture
def operator(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """Open a session of the superuser, whose changes are taken back."""
    with psycopg.connect(warehouse.database.operator_url) as session, session.transaction(force_rollback=True):
        yield session


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            "grant insert on gold.dim_country to retail_analyst",
            "retail_analyst has INSERT on gold.dim_country, which roles.yml does",
        ),
        (
            "grant select (customer_id) on bronze.customers to retail_auditor",
            "retail_auditor has SELECT (customer_id) on bronze.cus",
        ),
        ("revoke select on gold.dim_date from retail_analyst", "retail_analyst lacks SELECT on gold.dim_date"),
        (
            "alter role retail_steward bypassrls",
            "retail_steward has the attribute bypassrls, which roles.yml does not declare",
        ),
        (
            "grant pg_read_all_data to retail_marketing",
            "retail_marketing is a member of pg_read_all_data, which roles.yml does",
        ),
        (
            "grant select on gold.daily_sales to public",
            "public has SELECT on gold.daily_sales, which roles.yml does not declare",
        ),
        ("alter view gold.daily_sales owner to retail_auditor", "retail_auditor owns view gold.daily_sales"),
    ],
)
def test_drift_is_reported_and_left_alone(operator: psycopg.Connection[Any], change: str, line: str) -> None:
    """A right that somebody gave may be needed, and a report that takes it away would be the surprise."""
    operator.execute(change.encode())
    rights = """
        select oid::regclass::text, relacl::text from pg_class
        where relname in ('dim_country', 'customers') order by oid
    """
    before = operator.execute(rights).fetchall()
    lines = [f"{found.role_name} {found.difference}" for found in applying.compare(operator, ROLES)]
    assert [found for found in lines if found.startswith(line)]
    assert operator.execute(rights).fetchall() == before


def test_the_statement_of_a_drift_ends_it(operator: psycopg.Connection[Any]) -> None:
    """An administrator copies the statement, so it has to be the right one."""
    operator.execute("grant insert on gold.dim_country to retail_analyst; alter role retail_steward createdb")
    for found in applying.compare(operator, ROLES):
        operator.execute(found.statement.encode())
    assert applying.compare(operator, ROLES) == []


def test_a_right_on_a_new_relation_comes_with_the_statements_of_a_release(story: Story, warehouse: Warehouse) -> None:
    """The test of drift above must be able to fail."""
    with psycopg.connect(warehouse.database.url, autocommit=True) as builder:
        builder.execute("revoke select on gold.dim_date from retail_analyst")
        with psycopg.connect(warehouse.database.operator_url) as operator:
            assert [found.difference for found in applying.drift(operator)] == ["lacks SELECT on gold.dim_date"]
        builder.execute("grant select on gold.dim_date to retail_analyst")


LAST_EVENT = "select kind, subject, details from audit.events order by event_id desc limit 1"


def test_a_change_of_rights_is_an_event(operator: psycopg.Connection[Any]) -> None:
    """An auditor asks since when somebody may read a relation; a run that changes nothing must not hide the answer."""
    applying.apply(operator, ROLES)
    before = operator.execute(LAST_EVENT).fetchone()
    applying.apply(operator, ROLES)
    assert operator.execute(LAST_EVENT).fetchone() == before
    operator.execute("revoke select on gold.dim_date from retail_analyst; alter role retail_steward createdb")
    applying.apply(operator, ROLES)
    kind, subject, details = operator.execute(LAST_EVENT).fetchall()[0]
    assert (kind, subject, details["created"]) == ("roles changed", "roles.yml", [])
    assert details["granted"] == ["grant SELECT on table gold.dim_date to retail_analyst"]
    assert details["drift"] == ["retail_steward has the attribute createdb, which roles.yml does not declare"]


def test_a_login_is_an_event_without_its_password(operator: psycopg.Connection[Any]) -> None:
    """The log says who got which rights, and auditors read it: it must not help anybody to log in."""
    for is_new in (True, False):
        users.make_user(operator, "probe_event", "retail_steward", "violet-Teapot-17")
        event = operator.execute(LAST_EVENT).fetchone()
        assert event == ("user made", "probe_event", {"role": "retail_steward", "is_new": is_new})
    assert operator.execute("select from audit.events where details::text ~* 'teapot|scram'").fetchall() == []


@pytest.mark.parametrize(
    ("arguments", "password", "words"),
    [
        (["--name=probe", "--role=nobody"], "violet-Teapot-17", "ROLE='nobody' is no role for people in roles.yml"),
        (["--name=probe", "--role=retail_builder"], "violet-Teapot-17", "ROLE='retail_builder' is no role for people"),
        (["--name=probe", "--role=retail_analyst"], "", "the password is empty, so no login was made"),
        (["--name=probe", "--role=retail_analyst"], "tiny", "the password is shorter than 12 characters"),
        (["--name=probe", "--role=retail_analyst"], "Password12345678", "the password is easily guessed"),
        (["--name=probe", "--role=retail_analyst"], "probe-probe-12345", "the password is easily guessed"),
        (["--name=probe", "--role=retail_analyst"], "aaaaaaaaaaaaaaaa", "the password is easily guessed"),
        (["--name=", "--role=retail_analyst"], "violet-Teapot-17", "NAME='' is no name of a user"),
        (["--name=retail_x", "--role=retail_analyst"], "violet-Teapot-17", "NAME='retail_x' is reserved"),
    ],
)
def test_a_bad_login_is_refused_in_one_line(server: str, arguments: list[str], password: str, words: str) -> None:
    """A login that is half made, or that anybody could guess, is worse than none."""
    answer = CliRunner().invoke(main, ["user", *arguments], input=f"{password}\n")
    assert answer.exit_code == 1
    assert re.fullmatch(f"Error: {re.escape(words)}.*\n", answer.stderr), answer.stderr
    assert not password or password not in answer.output
    with psycopg.connect(server) as session:
        assert session.execute("select from pg_roles where rolname = 'probe'").fetchall() == []


def test_a_login_of_another_role_is_left_alone(warehouse: Warehouse) -> None:
    """A second role would add its rights to those of the first, and masks would be undone."""
    with psycopg.connect(warehouse.database.operator_url, autocommit=True) as operator:
        with pytest.raises(Refusal, match="exists as a member of retail_analyst, so nothing changed"):
            users.make_user(operator, "probe_analyst", "retail_steward", "violet-Teapot-17")
        with pytest.raises(Refusal, match=r"exists as a member of .*retail_loader"):
            users.make_user(operator, "retail_builder", "retail_steward", "violet-Teapot-17")


def test_the_server_keeps_no_password(warehouse: Warehouse) -> None:
    """Whoever reads a backup of the server must not be able to log in."""
    with psycopg.connect(warehouse.database.operator_url) as operator:
        stored = operator.execute("select rolpassword from pg_authid where rolname = 'probe_analyst'").fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$")


def test_a_role_that_exists_is_compared_and_not_changed(database: Database) -> None:
    """An administrator may have made a role of this name for another purpose."""
    with psycopg.connect(database.operator_url, autocommit=True) as operator, operator.transaction(force_rollback=True):
        name = f"retail_other_{os.getpid()}"
        operator.execute(f"create role {name} createdb login")
        role = Role(name, "Reads nothing.")
        outcome = applying.apply(operator, (*ROLES, role))
        assert name not in outcome.created
        assert [found.difference for found in outcome.drift if found.role_name == name] == [
            "has the attribute createdb, which roles.yml does not declare",
            "has the attribute login, which roles.yml does not declare",
        ]


def test_a_declaration_that_is_not_valid_is_refused(tmp_path: Path) -> None:
    """A misspelled key would be a right that nobody gets, or that nobody loses."""
    (tmp_path / "roles.yml").write_text("roles: {reader: {purpose: Reads., right: []}}")
    with pytest.raises(Refusal, match=r"roles\.yml: role 'reader': `right` means nothing here"):
        read_roles(tmp_path / "roles.yml")
