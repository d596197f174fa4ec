"""No way around the release: a project that could show readers what no check has read is refused before it writes."""

from typing import Any

import pytest
import yaml

from .project import AUDIT, PUBLISHED, Project
from .versions import CHECK_PATH, Versions

NUMBERS = "select n as id from raw.numbers"
CHECKED = [{"name": "id", "data_tests": ["not_null", "unique"]}]

# dbt's own kinds of model.
ORDINARY = {
    "a_view": "materialized='view'",
    "a_stable_view": "materialized='stable_view'",
    "a_table": "materialized='table'",
    "an_incremental": "materialized='incremental', unique_key='id', incremental_strategy='merge'",
    "a_materialized_view": "materialized='materialized_view'",
}
# What cannot be part of a release, and what the message says of it.
OTHERS = {
    "seed 'a_seed'": "materialized as seed: use another +schema for the seed, and a model that selects from it",
    "snapshot 'a_snapshot'": "as snapshot: use another schema for the snapshot, and a model that selects from it",
    "function 'a_scalar'": "as it is of type scalar: use type: table, or another +schema",
}

RELATIONS = """
    select relname::text from pg_class
    where relnamespace::regnamespace::text !~ '^(pg_|information_schema|raw)' and relkind <> 'i'
    union all
    select proname::text from pg_proc where pronamespace::regnamespace::text !~ '^(pg_|information_schema|raw)'
"""


def write_ordinary(project: Project) -> None:
    """Write a relation of each of dbt's own kinds into the published schema, with ordinary checks."""
    project.ask("create schema raw; create table raw.numbers (n integer); insert into raw.numbers values (null)")
    for name, config in ORDINARY.items():
        sql = f"{{{{ config({config}, schema='published') }}}} {NUMBERS}"
        project.model(name, sql, columns=CHECKED)
    project.write("seeds/a_seed.csv", "id\n1\n1\n")
    seed = {"name": "a_seed", "config": {"schema": "published"}, "columns": CHECKED}
    project.write("seeds/seeds.yml", yaml.safe_dump({"seeds": [seed]}))
    config = {"schema": "published", "unique_key": "id", "strategy": "check", "check_cols": "all"}
    snapshot = {"name": "a_snapshot", "relation": "ref('a_table')", "config": config, "columns": CHECKED}
    project.write("snapshots/snapshots.yml", yaml.safe_dump({"snapshots": [snapshot]}))
    project.write("functions/a_scalar.sql", "select 1")
    function = {"name": "a_scalar", "config": {"schema": "published"}, "returns": {"data_type": "integer"}}
    project.write("functions/functions.yml", yaml.safe_dump({"functions": [function]}))


def test_relations_that_no_release_can_hold_back_are_refused(bare: Project) -> None:
    """Each would be written before its checks have passed. One line names all of them, and nothing is written."""
    write_ordinary(bare)
    for command in ("build", "run", "seed", "snapshot"):
        assert not bare.dbt(command)
        assert len(bare.errors) == 1
        for name, mend in OTHERS.items():
            assert (
                f"{name} would be written into the schema {PUBLISHED} before its checks have passed" in bare.errors[0]
            )
            assert mend in bare.errors[0]
        assert "model '" not in bare.errors[0]
        assert ". Nothing was built." in bare.errors[0]
        assert bare.ask(RELATIONS) == []


@pytest.mark.parametrize("kind", ["table", "view", "materialized_view", "incremental"])
def test_an_ordinary_model_needs_its_wrapper_in_the_root(kind: str, bare: Project) -> None:
    """Without the wrapper, dbt's own materialization would write into the published schema at once."""
    bare.model("numbers", f"{{{{ config(materialized='{kind}', schema='published') }}}} select 1 as id")
    hooks = bare.read(HOOKS)
    bare.write(HOOKS, hooks.replace(f"materialization {kind}, adapter", f"materialization other_{kind}, adapter"))
    assert not bare.dbt("build")
    assert len(bare.errors) == 1
    message = f"copy the wrapper of the materialization {kind} from the README of pg_wap to {HOOKS}. Nothing was built."
    assert message in bare.errors[0]
    assert bare.ask(RELATIONS) == []


def test_the_same_relations_are_allowed_elsewhere(bare: Project) -> None:
    """Outside the published schema, dbt builds as it always does."""
    write_ordinary(bare)
    for path in ("seeds/seeds.yml", "snapshots/snapshots.yml", "functions/functions.yml"):
        bare.write(path, bare.read(path).replace("schema: published", "schema: staging"))
    for name in ORDINARY:
        bare.write(f"models/{name}.sql", bare.read(f"models/{name}.sql").replace("'published'", "'staging'"))
    bare.ask("update raw.numbers set n = 1")
    bare.write("seeds/a_seed.csv", "id\n1\n")
    bare.build()


RELEASED = {
    "by_key": "{{ config(materialized='incremental_by_key', unique_key='id') }}" + NUMBERS,
    "by_partition": "{{ config(materialized='incremental_by_partition',"
    " partition_by={'field': 'day', 'granularity': 'month'}) }}"
    "select n as id, '2024-01-01'::date as day from raw.numbers",
    "a_published_view": "{{ config(materialized='published_view') }} select id from {{ ref('by_key') }}",
    "a_view": "{{ config(materialized='view') }} select id from {{ ref('by_key') }}",
    "a_table": "{{ config(materialized='table') }} select id from {{ ref('a_view') }}",
    "a_materialized_view": "{{ config(materialized='materialized_view') }} select id from {{ ref('a_table') }}",
    # adds what is new, and never removes a row
    "an_incremental": "{{ config(materialized='incremental', unique_key='id') }} select id from {{ ref('a_table') }}"
    " {% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}",
}
FUNCTION = {
    "name": "a_function",
    "config": {"type": "table", "schema": "published", "volatility": "stable"},
    "returns": {"data_type": "table (id integer)"},
    "arguments": [{"name": "least_id", "data_type": "integer"}],
}


def visible(project: Project) -> dict[str, Any]:
    """Return the rows that readers see of each relation that is there."""
    names = project.ask(f"select relname from pg_class where relnamespace = '{PUBLISHED}'::regnamespace")
    names += project.ask(f"select proname || '(0)' from pg_proc where pronamespace = '{PUBLISHED}'::regnamespace")
    return {name: project.ask(f"select id from {PUBLISHED}.{name} order by id") for (name,) in names}


def test_nothing_is_visible_before_its_checks_have_passed(bare: Project) -> None:
    """Relations of a release, with the same checks: hidden while one fails, published together, and rolled back so."""
    bare.ask("create schema raw; create table raw.numbers (n integer); insert into raw.numbers values (1), (2), (2)")
    models = {"pg_wap": {"+enabled": False}, "store": {"+schema": "published"}}
    bare.configure({"models": models, "on-run-start": ["{{ pg_wap.on_run_start() }}"]})
    for name, sql in RELEASED.items():
        bare.model(name, sql, columns=CHECKED)
    bare.write("functions/a_function.sql", "select id from {{ ref('by_key') }} where id >= least_id")
    bare.write("functions/functions.yml", yaml.safe_dump({"functions": [FUNCTION]}))
    assert not bare.dbt("build")
    # two rows have one key: what depends on the check is not built, and readers see none of it
    assert "unique_by_key_id" in bare.said[-1]
    assert bare.said[-1].endswith("There is no release yet.")
    assert visible(bare) == {}
    bare.ask("delete from raw.numbers where n = 2; insert into raw.numbers values (2)")
    bare.build()
    names = ["a_function(0)", *RELEASED]
    first = {name: [(1,), (2,)] for name in names}
    assert visible(bare) == first
    bare.ask("insert into raw.numbers values (2)")
    assert not bare.dbt("build")
    assert visible(bare) == first
    bare.ask("delete from raw.numbers where n = 2")
    bare.build()
    assert visible(bare) == {name: [(1,)] for name in names} | {"an_incremental": [(1,), (2,)]}
    assert bare.dbt("run-operation", "pg_wap.rollback"), bare.errors
    assert visible(bare) == first


# The canary: what the package rests on in the root project

HOOKS = "macros/pg_wap_hooks.sql"
REF_IS_MISSING = "ref() does not read the candidate: copy macros/pg_wap_hooks.sql from the README of pg_wap"
DISPATCHED = "the macro get_where_subquery comes from package {}: put pg_wap before it in dispatch: of dbt_project.yml"


def without_hooks(project: Project) -> None:
    """Remove the hooks file."""
    project.remove(HOOKS)


def with_another_name(project: Project) -> None:
    """Rename the macro `ref`, as a dbt that no longer asks for it would."""
    project.write(HOOKS, project.read(HOOKS).replace("macro ref()", "macro reference()"))


def with_a_ref_of_its_own(project: Project) -> None:
    """Have another macro `ref`."""
    project.write(HOOKS, "{% macro ref() %}{{ return(builtins.ref(*varargs, **kwargs)) }}{% endmacro %}")


def with_a_where_of_its_own(project: Project) -> None:
    """Override the macro that gives generic tests their rows, before the package."""
    project.write("macros/where.sql", "{% macro default__get_where_subquery(relation) %}{{ relation }}{% endmacro %}")


def without_dispatch(project: Project) -> None:
    """Forget the entry under `dispatch:`."""
    settings = yaml.safe_load(project.read("dbt_project.yml"))
    project.write("dbt_project.yml", yaml.safe_dump(settings | {"dispatch": []}))


BROKEN_ROOTS = {
    "no hooks file": (without_hooks, REF_IS_MISSING),
    "ref renamed": (with_another_name, REF_IS_MISSING),
    "another ref": (with_a_ref_of_its_own, "package store has a macro ref of its own; remove one of the two"),
    "another where": (with_a_where_of_its_own, DISPATCHED.format("store")),
    "no dispatch": (without_dispatch, DISPATCHED.format("dbt")),
}


@pytest.mark.parametrize("root", BROKEN_ROOTS)
def test_a_root_that_is_not_installed_as_the_readme_says_is_refused(root: str, bare: Project) -> None:
    """Its checks would read the present release, and pass whatever is built."""
    change, message = BROKEN_ROOTS[root]
    bare.model("numbers", "{{ config(materialized='table') }} select 1 as id", columns=CHECKED)
    change(bare)
    for command in ("build", "test"):
        assert not bare.dbt(command)
        assert len(bare.errors) == 1
        assert message in bare.errors[0]
    assert bare.ask(RELATIONS) == []


def test_a_check_that_reads_the_present_release_stops_the_next(versions: Versions) -> None:
    """It has passed on rows that readers see already, so it says nothing about the candidate."""
    versions.write(CHECK_PATH, "select * from {{ builtins.ref('totals') }} where version < 0")
    before = versions.published()
    assert not versions.build_version(2)
    message = " ".join(versions.errors)
    assert f'check \'versions_agree\' read "pg_wap_test"."{PUBLISHED}"."totals", which readers see' in message
    assert "name the model by ref()" in message
    assert "Nothing was published." in message
    assert versions.published() == before
    assert versions.ask(f"select status from {AUDIT}.runs order by started_at desc limit 1") == [("error",)]
    assert not versions.dbt("test")
    assert not versions.dbt("run-operation", "pg_wap.publish")
    assert versions.published() == before


# Configuration that cannot work

BY_KEY = "materialized='incremental_by_key'"
CONFIGURATIONS: dict[str, tuple[str, str]] = {
    "no_key": (BY_KEY, "model 'no_key' is incremental_by_key and has no unique_key: add one to its config"),
    "not_a_parent": (
        f"{BY_KEY}, unique_key='id', touched_by={{'stranger': 'id'}}",
        "model 'not_a_parent': touched_by names 'stranger', which the model does not ref: ref it, or remove it from"
        " touched_by",
    ),
    "not_logged": (
        f"{BY_KEY}, unique_key='id', touched_by={{'upstream': 'amount'}}",
        "model 'not_logged': touched_by reads the column 'amount', but 'upstream' logs only id: add the column to"
        " logged_columns of 'upstream'",
    ),
    "not_logged_of_a_list": (
        f"{BY_KEY}, unique_key='id', touched_by={{'upstream': ['id', 'amount']}}",
        "model 'not_logged_of_a_list': touched_by reads the column 'amount'",
    ),
    "not_computed_from_the_log": (
        f"{BY_KEY}, unique_key='id', touched_by={{'upstream': {{'id': 'amount::integer'}}}}",
        "model 'not_computed_from_the_log': touched_by computes 'amount::integer', but 'upstream' logs only id",
    ),
    "no_log": (
        f"{BY_KEY}, unique_key='id', touched_by={{'a_plain_table': 'id'}}",
        "model 'no_log': touched_by names 'a_plain_table', which has no change log: only a model that is"
        " incremental_by_key has one",
    ),
    "a_query_of_a_stranger": (
        f"""{BY_KEY}, unique_key='id', touched_by="select id from {{{{ pg_wap.changes_of('stranger') }}}}" """,
        "model 'a_query_of_a_stranger': touched_by reads 'stranger', which the model does not ref: add"
        " `-- depends_on: {{ ref('stranger') }}`",
    ),
    "a_list": (
        f"{BY_KEY}, unique_key='id', touched_by=['upstream']",
        "model 'a_list': touched_by must be a mapping of models to columns, or a query, not ['upstream']",
    ),
    "a_number": (
        f"{BY_KEY}, unique_key='id', touched_by={{'upstream': 3}}",
        "model 'a_number': touched_by gives 'upstream' the value 3: write a column, a list of columns, or a mapping",
    ),
    "not_checked": (
        f"{BY_KEY}, unique_key='id', check_column='amount'",
        "model 'not_checked' logs only id, but its check_column is amount: add it to logged_columns",
    ),
    "a_published_view": (
        "materialized='published_view'",
        f"model 'a_published_view' is a published_view outside of the schema {PUBLISHED}: use view there",
    ),
    "of_partitions": (
        "materialized='incremental_by_partition', partition_by={'field': 'id', 'granularity': 'day'},"
        " touched_by={'upstream': 'amount'}",
        "model 'of_partitions': touched_by reads the column 'amount', but 'upstream' logs only id",
    ),
}


def test_configuration_that_cannot_work_is_refused(bare: Project) -> None:
    """A misspelt column would touch nothing, for ever. One line names each model and its mend; nothing is written."""
    bare.model("upstream", f"{{{{ config({BY_KEY}, unique_key='id') }}}} select 1 as id, 2 as amount")
    bare.model("stranger", f"{{{{ config({BY_KEY}, unique_key='id') }}}} select 1 as id")
    bare.model("a_plain_table", "{{ config(materialized='table') }} select 1 as id")
    for name, (config, _) in CONFIGURATIONS.items():
        parents = "{{ ref('upstream') }}, {{ ref('a_plain_table') }}"
        bare.model(name, f"{{{{ config({config}) }}}} select 1 as id from {parents}")
    # Two rows of one id would be taken for one.
    bare.model(
        "another_key",
        f"{{{{ config({BY_KEY}, unique_key='id') }}}} select 1 as id, 2 as place",
        columns=[{"name": name, "data_type": "integer"} for name in ("id", "place")],
        constraints=[{"type": "primary_key", "columns": ["id", "place"], "warn_unsupported": False}],
    )
    bare.write("checks/runs.sql", "select 1 from {{ ref('upstream') }} where false")
    assert not bare.dbt("build")
    assert len(bare.errors) == 1
    for name, (_, message) in CONFIGURATIONS.items():
        assert message in bare.errors[0], name
    assert "model 'another_key' has the unique_key id, but the primary key id, place" in bare.errors[0]
    reserved = f"check 'runs' has the name of a table that pg_wap keeps in the schema {AUDIT}"
    assert reserved in bare.errors[0]
    # nobody else is blamed
    assert bare.errors[0].count("; ") == len(CONFIGURATIONS) + 1
    assert ". Nothing was built." in bare.errors[0]
    assert bare.ask(RELATIONS) == []
