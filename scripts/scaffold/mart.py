"""`make new MART=top_customers DOMAIN=marketing`: write a mart that builds and passes the conventions at once."""

import re
from collections.abc import Sequence
from pathlib import Path
from string import Template

from scripts.errors import Refusal
from scripts.scaffold.catalogue import origin_of
from scripts.scaffold.taken_over import mart_sql, mart_yaml

MARTS = Path("models/marts")
# The star schema is not the place for a team's mart.
CORE = "core"
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


def create(project: Path, name: str, domain: str, columns: Sequence[str] = ()) -> list[Path]:
    """Write the SQL and the YAML of a mart.

    Args:
        project: the folder of the dbt project.
        name: the name of the mart.
        domain: a folder of models/marts.
        columns: names of documented columns that the mart has; by default those of an example.

    Returns:
        The files that were written, relative to the project.

    Raises:
        Refusal: the name, the domain or a column will not do. Nothing is written.
    """
    domains = sorted(path.name for path in (project / MARTS).iterdir() if path.is_dir() and path.name != CORE)
    problems = []
    if not NAME.fullmatch(name):
        problems.append(
            f"MART={name} will not do: give 3 to 40 lower case letters, digits and underscores, with a letter first and"
            " without the prefix of a layer (stg_, int_, dim_, fct_, bridge_, snp_)"
        )
    if domain not in domains:
        problems.append(f"DOMAIN={domain} is no folder of {MARTS}: give one of {', '.join(domains)}")
    if problems:
        raise Refusal(f"{'; '.join(problems)}.")
    for folder in ("models", "snapshots", "seeds", "analyses"):
        for taken in sorted((project / folder).rglob(f"{name}.*")):
            raise Refusal(f"MART={name} is taken by {taken.relative_to(project)}: give another name.")
    query, described = SQL, YAML.substitute(name=name)
    if columns:
        origin = origin_of(project, columns)
        query, described = mart_sql(origin), mart_yaml(name, origin)
    sql, properties = (MARTS / domain / f"{name}{suffix}" for suffix in (".sql", ".yml"))
    written: list[Path] = []
    try:
        for path, text in ((sql, query), (properties, described)):
            with (project / path).open("x", encoding="utf-8") as file:
                written.append(project / path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise Refusal(f"cannot write {error.filename}: {error.strerror}; nothing was kept.") from error
    return [sql, properties]
