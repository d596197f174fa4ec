"""Change a column of bronze, build everything again in one transaction, and find the columns that changed.

A real build takes seconds for each column. Here the compiled SQL of the models runs in their order, without dbt, on few
rows. A relation is built again if one that it reads differs, whatever lineage declares.
"""

from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

import psycopg

from scripts.lineage import Column

LAYERS = ("bronze", "silver", "history", "profiles", "gold")
KINDS = ("source", "seed", "model", "snapshot", "function")
# The rows of a snapshot as dbt writes them; but of a time before any release, as functions ask what was known then.
SNAPSHOT = """
    select
        *,
        md5({key}) as dbt_scd_id,
        '2000-01-01'::timestamp as dbt_updated_at,
        '2000-01-01'::timestamp as dbt_valid_from,
        null::timestamp as dbt_valid_to
    from ({query}) as versions
"""
# Whole customers and whole invoices with some of the products, so that months, returns and cancellations stay, and rows
# that are not clean. One file sells to a country that no seed knows, one has British dates, and one corrects prices.
FEW_ROWS = """
    delete from bronze.transactions
    where (
        hashtextextended(stock_code, 0) % 2 = 0
        and (
            customer_id in (
                select customer_id
                from bronze.transactions
                where customer_id is not null
                group by customer_id
                order by count(*) desc, customer_id
                limit 12
            )
            or hashtextextended(invoice, 0) % 40 = 0
        )
        or not pg_input_is_valid(quantity, 'integer')
        or not pg_input_is_valid(unit_price, 'numeric')
    ) is not true;

    delete from bronze.products
    where
        stock_code not in (select stock_code from bronze.transactions where stock_code is not null)
        and pg_input_is_valid(cost, 'numeric');

    update bronze.transactions
    set country = 'Atlantis'
    where _file_id = (select min(_file_id) from bronze.transactions where hashtextextended(_file_id::text, 0) % 3 = 0);

    with british as (
        update bronze.landed_files
        set reading = '{"date_order": "dmy"}'
        where file_id = (
            select _file_id from bronze.transactions group by _file_id order by count(*) desc, _file_id limit 1
        )
        returning file_id
    )
    update bronze.transactions
    set invoice_date = to_char(invoice_date::timestamp, 'DD/MM/YYYY HH24:MI')
    from british
    where _file_id = file_id and pg_input_is_valid(invoice_date, 'timestamp');

    insert into bronze.products (stock_code, category, cost, list_price, effective_date, _file_id, _line)
    select
        stock_code, category || '; Corrected', cost || '1', list_price || '1', effective_date, last_file, 100000 + _line
    from bronze.products
    cross join (select max(_file_id) as last_file from bronze.products) as files
    where hashtextextended(stock_code, 1) % 4 = 0 and _file_id < last_file
"""
# For each kind of value, delivered as text or written by the loader: a way to change all rows alike, so that the same
# rows come out, and ways for a tenth of the rows each.
WAYS = {
    "name": (
        # Other letters and digits, so that equal values stay equal. Words for a missing value are shorter.
        "case when length(value) > 4 then translate(value, 'aeiouAEIOU0123456789', 'eiouaEIOUA1234567890') "
        "else value end",
        ["'C' || value", "null", "upper(reverse(value))", "'A' || value", "value || '; ' || other"],
    ),
    "integer": (
        "case when {valid} then (2 * value::numeric)::text else value end",
        ["(3 * value::numeric + 1)::text", "'-' || value", "null", "'x' || value", "'0'"],
    ),
    "decimal": (
        "case when {valid} then (2 * value::numeric)::text else value end",
        ["(3 * value::numeric + 1)::text", "'-' || value", "null", "'x' || value", "'0'"],
    ),
    "timestamp": (
        "case when {valid} then (value::timestamp + interval '5 minutes')::text else value end",
        [
            "(value::timestamp + interval '1 day')::text",
            "(value::timestamp - interval '40 days')::text",
            "null",
            "'x' || value",
            "'1999-01-01 10:00:00'",
        ],
    ),
    "date": (
        "case when {valid} then (value::date + 1)::text else value end",
        ["(value::date + 45)::text", "(value::date - 400)::text", "null", "'x' || value", "'2011-11-30'"],
    ),
    "text": ("value || ' X'", ["null", "reverse(value)"]),
    "integer key": ("value + 1000000", ["value + 100000", "value + 200000"]),
    "bigint": ("value + 1", ["3 * value", "null"]),
    "timestamptz": ("value + interval '1 hour'", ["value + interval '40 days'", "null"]),
    "jsonb": (
        "jsonb_build_object('date_order', 'ymd')",
        [
            "jsonb_build_object('date_order', 'mdy')",
            "jsonb_build_object('date_order', 'dmy')",
            "jsonb_build_object('decimal_mark', ',')",
        ],
    ),
}
# The type of a delivered text that is changed like a value of its kind.
TYPES = {"integer": "numeric", "decimal": "numeric", "timestamp": "timestamp", "date": "date"}

# The same for the columns of all relations, by their types; numbers and dates by one.
TYPE_WAYS = {
    "text": "translate(value, 'aeiouAEIOU0123456789', 'eiouaEIOUA1234567890')",
    "boolean": "not value",
    "timestamp without time zone": "value + interval '1 day'",
    "timestamp with time zone": "value + interval '1 day'",
    "time without time zone": "value + interval '1 hour'",
    "jsonb": "jsonb_build_object('date_order', 'dmy')",
}

Node = Mapping[str, Any]


class State(NamedTuple):
    """What a relation holds, as fingerprints of values in any order.

    Attributes:
        rows: how many rows there are, and what their keys are; None for the keys of a relation without a key.
        columns: of each column.
    """

    rows: tuple[int, Any]
    columns: dict[str, Any]


class Change(NamedTuple):
    """What a change of bronze brought about.

    Attributes:
        columns: the columns that hold other values.
        same_rows: the relations that have a key and still the same rows by their key.
    """

    columns: set[Column]
    same_rows: set[str]


class Rebuild:
    """All relations of the project, built from few rows of bronze by their compiled SQL.

    Args:
        session: of a copy of a built warehouse. Nothing is committed.
        manifest: dbt's manifest with compiled SQL of that warehouse.

    Attributes:
        states: what each relation holds, by its name.
    """

    def __init__(self, session: psycopg.Connection, manifest: Mapping[str, Any]) -> None:
        self.session = session
        self.states: dict[str, State] = {}
        every = {**manifest["sources"], **manifest["nodes"], **manifest["functions"]}
        mine = {
            unique_id: node
            for unique_id, node in every.items()
            if node["resource_type"] in KINDS and node["package_name"] == "retail_warehouse"
        }
        self.reads = {unique_id: set(node.get("depends_on", {}).get("nodes", [])) for unique_id, node in mine.items()}
        order = TopologicalSorter({unique_id: reads & mine.keys() for unique_id, reads in self.reads.items()})
        self.keys = {name_of(node): self._key(name_of(node)) for node in manifest["sources"].values()}
        self.nodes: dict[str, Node] = {unique_id: mine[unique_id] for unique_id in order.static_order()}
        session.execute("set local jit = off; set local max_parallel_workers_per_gather = 0")
        session.execute(FEW_ROWS)
        for layer in LAYERS:
            session.execute(f"alter schema {layer} rename to {layer}_built; create schema {layer}")
        built = {"seed": "silver_built", "source": "bronze_built"}
        for node in self.nodes.values():
            if schema := built.get(node["resource_type"]):
                # Without constraints, so that a column may hold what no file could deliver.
                name = node.get("alias") or node["identifier"]
                session.execute(f"create table {name_of(node)} as table {schema}.{name}")
            else:
                self._build(node)
            self.states[name_of(node)] = state_of(self.session, node)

    def changed(self, statement: str, relation: str) -> Change:
        """Change a relation, build what reads it, and take everything back.

        Args:
            statement: an update.
            relation: what it updates.
        """
        change = Change(set(), set())
        different: set[str] = set()
        with self.session.transaction(force_rollback=True):
            self.session.execute(statement)
            for unique_id, node in self.nodes.items():
                name = name_of(node)
                if self.reads[unique_id] & different:
                    self._build(node)
                elif name != relation:
                    continue
                if self._compare(node, change):
                    different.add(unique_id)
        return change

    def changed_in_readers(self, statement: str, relation: str) -> Change:
        """Change a relation, build each relation that reads it while all others stay, and take everything back.

        Args:
            statement: an update.
            relation: what it updates.
        """
        change = Change(set(), set())
        with self.session.transaction(force_rollback=True):
            self.session.execute(statement)
            for unique_id, node in self.nodes.items():
                name = name_of(node)
                if name != relation and any(name_of(self.nodes[each]) == relation for each in self._known(unique_id)):
                    with self.session.transaction(force_rollback=True):
                        self._build(node)
                        self._compare(node, change)
        return change

    def _known(self, unique_id: str) -> set[str]:
        return self.reads[unique_id] & self.nodes.keys()

    def _compare(self, node: Node, change: Change) -> bool:
        """Add what differs in a relation from before to a change; return whether anything does."""
        name = name_of(node)
        before, after = self.states[name], state_of(self.session, node)
        columns = {Column(name, each) for each in after.columns if after.columns[each] != before.columns[each]}
        change.columns.update(columns)
        if after.rows == before.rows and after.rows[1] is not None:
            change.same_rows.add(name)
        return bool(columns) or after.rows != before.rows

    def _key(self, table: str) -> list[str]:
        """Return the primary key of a table of bronze."""
        query = """
            select attname
            from pg_index
            inner join pg_attribute on attrelid = indrelid and attnum = any(indkey)
            where indisprimary and indrelid = %s::regclass
        """
        return [name for (name,) in self.session.execute(query, [table]).fetchall()]

    def _build(self, node: Node) -> None:
        name, query = name_of(node), node["compiled_code"]
        if node["resource_type"] == "function":
            arguments = ", ".join(f"{each['name']} {each['data_type']}" for each in node["arguments"])
            returns = f"{node['returns']['data_type']} language sql stable"
            self.session.execute(
                f"create or replace function {name} ({arguments}) returns {returns} as $body${query}$body$"
            )
            return
        if node["resource_type"] == "snapshot":
            query = SNAPSHOT.format(
                query=query, key=" || ".join(f"{each}::text" for each in node["config"]["unique_key"])
            )
            if name not in self.states:
                # A snapshot may read its own rows; in the first build it has none.
                built = f"history_built.{node['alias']}"
                self.session.execute(f"create table {name} as select * from {built} limit 0")
        elif node.get("contract", {}).get("enforced"):
            columns = ", ".join(f"{each['name']}::{each['data_type']}" for each in node["columns"].values())
            query = f"select {columns} from ({query}) as contracted"
        self.session.execute(f"create table {name}__new as {query}; drop table if exists {name}")
        self.session.execute(f"alter table {name}__new rename to {node['alias']}; analyze {name}")


def state_of(session: psycopg.Connection, node: Node) -> State:
    """Return what a relation holds; of a function, what it returns for now."""
    rows = f"{name_of(node)}(now())" if node["resource_type"] == "function" else name_of(node)
    names = [each.name for each in session.execute(f"select * from {rows} limit 0").description or []]
    sums = [f'sum(hashtextextended("{each}"::text, 0))' for each in names]
    key = key_of(node)
    keys = f"sum(hashtextextended(row({', '.join(key)})::text, 0))" if key else "null"
    found = session.execute(f"select {', '.join(['count(*)', keys, *sums])} from {rows}").fetchone() or ()
    count, of_keys, *values = found
    return State((count, of_keys), dict(zip(names, values, strict=True)))


def key_of(node: Node) -> list[str]:
    """Return the columns by which a relation declares that its rows differ."""
    given = node["config"].get("unique_key") or []
    declared = [each["columns"] for each in node.get("constraints", []) if each["type"] == "primary_key"]
    return [given] if isinstance(given, str) else list(given) or (declared[0] if declared else [])


def updates(source: Node, column: Mapping[str, Any], key: list[str]) -> list[str]:
    """Return statements that change a column of a source: all rows alike, and rows in different ways.

    Args:
        source: the source in dbt's manifest.
        column: of the source.
        key: the primary key of its table, which stays one.
    """
    name, kind = column["name"], column["data_type"]
    is_delivered = kind == "text" and "_file_id" in source["columns"]
    if is_delivered:
        kind = column["config"].get("meta", {}).get("reads_as", "name")
    elif kind == "integer":
        kind = "integer key"
    alike, ways = WAYS["jsonb" if name == "header" else kind]
    valid = f"pg_input_is_valid(value, '{TYPES.get(kind, 'text')}')"
    if is_delivered and kind in TYPES:
        ways = [f"case when {valid} then {way} else value end" for way in ways]
    others = [f"when bucket in ({', '.join(map(str, range(len(ways), 10)))}) then other"]
    cases = [*(f"when bucket = {place} then {way}" for place, way in enumerate(ways)), *others]
    if name in key:
        # Rotated among the rows that differ in nothing else of the key.
        cases = ["when true then other"] if len(key) > 1 else cases[: len(ways)]
    if is_delivered:
        # The error of a cell takes all lines of some files away, with their invoices, customers and days.
        cases.insert(0, "when hashtextextended(_file_id::text, 0) % 3 = 0 then '#REF!'")
    return [
        _update(source, name, key, alike.format(valid=valid)),
        _update(source, name, key, f"case {' '.join(cases)} else value end"),
    ]


def _update(source: Node, name: str, key: list[str], value: str) -> str:
    table = name_of(source)
    rest = [each for each in key if each != name] if name in key else []
    window = f"({'partition by ' + ', '.join(rest) if rest else ''} order by {name}::text, ctid)"
    others = f"""
        select
            ctid,
            {name} as value,
            coalesce(lead({name}) over {window}, first_value({name}) over {window}) as other,
            (hashtextextended(ctid::text, 0) & 1023) % 10 as bucket
        from {table}
    """
    return f"update {table} as changed set {name} = {value} from ({others}) as others where changed.ctid = others.ctid"


def update_of_type(session: psycopg.Connection, relation: str, column: str) -> str:
    """Return a statement that changes a column of any relation by its type: all rows a little, and some of them more.

    Args:
        session: of the rebuilt warehouse.
        relation: the schema and the name.
        column: its name.
    """
    query = "select format_type(atttypid, null) from pg_attribute where attrelid = %s::regclass and attname = %s"
    (data_type,) = session.execute(query, [relation, column]).fetchone() or ("",)
    way = TYPE_WAYS.get(data_type, "value + 1")
    others = f"select ctid, {column} as value, hashtextextended(ctid::text, 0) & 7 as bucket from {relation}"
    return (
        f"update {relation} as changed set {column} = case when bucket = 0 then null else {way} end "
        f"from ({others}) as others where changed.ctid = others.ctid"
    )


def name_of(node: Node) -> str:
    """Return the schema and the name of a relation."""
    return f"{node['schema']}.{node.get('alias') or node['identifier']}"
