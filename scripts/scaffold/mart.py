"""`make new-mart NAME=top_customers DOMAIN=marketing`: write a mart that builds and passes the conventions at once."""

import re
from pathlib import Path
from string import Template
from typing import NamedTuple

import click
import yaml

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT

MARTS, EXPOSURES, GROUPS = Path("models/marts"), Path("models/marts/_exposures.yml"), Path("models/_groups.yml")
# The star schema is not the place for a team's mart.
CORE = "core"
# The owner of what no group claims, as in dbt_project.yml.
PLATFORM = "platform"
# As in dbt-bouncer.yml. Names of PostgreSQL have 63 bytes, and the names of checks add to this one.
NAME = re.compile(r"(?!(?:stg|int|dim|fct|bridge|snp)_)[a-z][a-z0-9_]{2,39}")

SQL = """\
{{ config(unique_key='month_start') }}

with

sales as (

    select * from {{ ref('fct_sales') }}

),

final as (

    select
        date_trunc('month', sales.date_day)::date as month_start,
        count(distinct sales.invoice_number)::integer as invoices,
        sum(sales.net_amount)::numeric(24, 4) as net_amount
    from sales
    group by 1

)

select * from final
"""

YAML = Template("""\
version: 2

models:
  - name: $name
    description: |
      TODO: what this mart answers, for whom, and what surprises a reader.

      Grain: one row per calendar month with at least one line.
    columns:
      - name: month_start
        description: First day of the month.
        data_type: date
        constraints:
          - {type: primary_key, warn_unsupported: false}
        config:
          meta:
            rules:
              ${name}_starts_its_month:
                expression: extract(day from month_start) = 1
                why: A join on the first day of the month would miss the row.
      - name: invoices
        description: Number of invoices with at least one line.
        data_type: integer
        constraints:
          - {type: not_null, warn_unsupported: false}
      - name: net_amount
        description: Sum of the net amount of all lines, in pounds.
        data_type: numeric(24,4)
        constraints:
          - {type: not_null, warn_unsupported: false}
    data_tests:
      - pg_wap.row_rules:
          name: ${name}_obeys_its_rules
          description: "TODO: what goes wrong for a reader if a rule is broken."
          config:
            severity: error

unit_tests:
  - name: ${name}_sums_each_month
    description: An invoice of two lines counts once, and the first day of a month belongs to that month.
    model: $name
    given:
      - input: ref('fct_sales')
        rows:
          - {invoice_number: '1', date_day: 2011-01-31, net_amount: 10}
          - {invoice_number: '1', date_day: 2011-01-31, net_amount: -2.5}
          - {invoice_number: '2', date_day: 2011-02-01, net_amount: 4}
    expect:
      rows:
        - {month_start: 2011-01-01, invoices: 1, net_amount: 7.5}
        - {month_start: 2011-02-01, invoices: 1, net_amount: 4}
""")

EXPOSURE = Template("""
  - name: ${name}_readers
    label: $label
    type: analysis
    maturity: low
    description: "TODO: who reads $name, and what they decide with it."
    owner:
      name: $owner
      email: $email
    depends_on:
      - ref('$name')
""")


class Owner(NamedTuple):
    """Who is asked before a mart changes."""

    name: str
    email: str


def create(project: Path, name: str, domain: str) -> list[Path]:
    """Write the SQL and the YAML of a mart, and its reader into the exposures.

    Args:
        project: the folder of the dbt project.
        name: the name of the mart.
        domain: a folder of models/marts.

    Returns:
        The files that were written, relative to the project.

    Raises:
        Refusal: the name or the domain will not do. Nothing is written.
    """
    domains = sorted(path.name for path in (project / MARTS).iterdir() if path.is_dir() and path.name != CORE)
    problems = []
    if not NAME.fullmatch(name):
        problems.append(
            f"NAME={name} will not do: give 3 to 40 lower case letters, digits and underscores, with a letter first and"
            " without the prefix of a layer (stg_, int_, dim_, fct_, bridge_, snp_)"
        )
    if domain not in domains:
        problems.append(f"DOMAIN={domain} is no folder of {MARTS}: give one of {', '.join(domains)}")
    if problems:
        raise Refusal(f"{'; '.join(problems)}.")
    for folder in ("models", "snapshots", "seeds", "analyses"):
        for taken in sorted((project / folder).rglob(f"{name}.*")):
            raise Refusal(f"NAME={name} is taken by {taken.relative_to(project)}: give another name.")
    readers = (project / EXPOSURES).read_text()
    if f"name: {name}_readers\n" in readers:
        raise Refusal(f"NAME={name}: {EXPOSURES} has {name}_readers already; remove that entry or give another name.")
    owner = _owner(project, domain)
    entry = EXPOSURE.substitute(
        name=name, label=name.replace("_", " ").capitalize(), owner=owner.name, email=owner.email
    )
    sql, properties = (MARTS / domain / f"{name}{suffix}" for suffix in (".sql", ".yml"))
    written: list[Path] = []
    try:
        for path, text in ((sql, SQL), (properties, YAML.substitute(name=name))):
            with (project / path).open("x") as file:
                written.append(project / path)
                file.write(text)
        # A rename, so that the file with all readers is never half written.
        draft = (project / EXPOSURES).with_suffix(".draft")
        written.append(draft)
        draft.write_text(readers.rstrip("\n") + "\n" + entry)
        draft.replace(project / EXPOSURES)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise Refusal(f"cannot write {error.filename}: {error.strerror}; nothing was kept.") from error
    return [sql, properties, EXPOSURES]


def _owner(project: Path, domain: str) -> Owner:
    """Return the owner of a domain: its group, or else the platform."""
    groups = {group["name"]: group["owner"] for group in yaml.safe_load((project / GROUPS).read_text())["groups"]}
    owner = groups.get(domain, groups[PLATFORM])
    return Owner(owner["name"], owner["email"])


@click.command()
@click.option("--name", required=True, help="Name of the mart, such as top_customers.")
@click.option("--domain", required=True, help="Folder of models/marts, such as marketing.")
def main(name: str, domain: str) -> None:
    """Write a mart that builds and passes the conventions at once."""
    sql, properties, exposures = create(PROJECT_ROOT, name, domain)
    click.echo(
        f"Wrote       {sql}\n            {properties}\n            {exposures}: {name}_readers\n"
        f"Next        .venv/bin/dbt build --select {name}\n"
        f'            make lint FILES="{sql} {properties}"\n'
        "            change the query, the columns and each TODO (docs/adding_a_mart.md), then run `make catalogue`"
    )


if __name__ == "__main__":
    main(prog_name="python -m scripts.scaffold.mart")
