"""The report of a review as Markdown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from scripts.review.report import Report
from scripts.review.rows import Difference

# Longer lists end with how many more there are; review.json has all.
MOST = 30
HIDDEN = "(personal data)"
# Characters that Markdown or HTML would take for more than text.
ESCAPED = r"\\\1"
SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#&~])")


def markdown(report: Report) -> str:
    """Return the report as Markdown.

    Args:
        report: of a review.
    """
    return "\n".join(_lines(report)).rstrip() + "\n"


def _lines(report: Report) -> Iterator[str]:
    code, release = report.code, report.release
    # The name of a relation is written as it is.
    is_name = "_" in report.verdict.partition(" ")[0]
    yield f"# {report.verdict if is_name else report.verdict[:1].upper() + report.verdict[1:]}"
    yield ""
    state = " with files that are not committed" if code.is_dirty else ""
    base = f"{code.ref} ({code.base[:12]})"
    yield (
        f"Commit {code.head[:12]}{state} against {base}, on the data of release {release.number}. "
        f"Nodes that change: {len(report.changes)}; built: {len(report.built)}; "
        f"not built, as what they read has equal rows: {report.spared}; "
        f"seconds: {sum(report.seconds.values()):.0f}."
    )
    if code.behind:
        yield f"\n{code.ref} has {code.behind} commits more than the base: merge or rebase, and review again."
    for title, lines in (
        (
            "Not built",
            (f"- **`{name}`**: {SPECIAL.sub(ESCAPED, problem)}." for name, problem in report.problems.items()),
        ),
        ("What changes", _changes(report)),
        ("Rows", _rows(report)),
        ("Metrics", _metrics(report)),
        ("Checks", _checks(report)),
        (
            "Risk",
            (
                f"- **{risk.kind}**: {risk.text}" if risk.is_grave else f"- {risk.kind}: {risk.text}"
                for risk in report.risks
            ),
        ),
        ("Cost", _cost(report)),
        ("Lineage of columns", _list(f"`{edge}`" for edge in report.lineage)),
    ):
        found = list(lines)
        if found:
            yield f"\n## {title}\n"
            yield from found


def _changes(report: Report) -> Iterator[str]:
    rows = [
        (f"`{change.name}`", change.kind, ", ".join(change.what), change.owner, change.path)
        for change in report.changes
        if change.kind != "test"
    ]
    yield from _table(("node", "kind", "what", "owner", "file"), rows)
    if report.unchanged:
        names = ", ".join(f"`{name}`" for name in report.unchanged[:MOST])
        yield f"\nOf other text and the same meaning: {names}{_more(len(report.unchanged))}"


def _rows(report: Report) -> Iterator[str]:
    if not report.rows:
        return
    yield from _table(
        ("relation", "status", "added", "gone", "changed", "rows before", "after", "owner"),
        [
            (
                f"`{difference.relation}`",
                difference.status,
                *(
                    _count(difference.found.get(f"rows_{what}"))
                    for what in ("added", "gone", "changed", "before", "after")
                ),
                difference.owner,
            )
            for difference in sorted(report.rows, key=lambda each: (-each.rows, each.relation))
        ],
    )
    for difference in sorted(report.rows, key=lambda each: (-each.rows, each.relation)):
        if difference.problem:
            yield f"\n`{difference.relation}`: {difference.problem}."
        elif difference.status == "changed":
            yield from _difference(difference)


def _difference(difference: Difference) -> Iterator[str]:
    found = difference.found
    columns = ", ".join(difference.columns) or "rows"
    yield f"\n<details><summary><code>{difference.relation}</code>: {columns}</summary>\n"
    for what in ("added", "gone"):
        if found[f"columns_{what}"]:
            yield f"Columns {what}: {', '.join(found[f'columns_{what}'])}.\n"
    for column in found["columns_retyped"]:
        yield f"Column {column['name']}: {column['before']} before, {column['after']} now.\n"
    yield from _table(
        ("column", "changed rows"), [(column["name"], _count(column["rows"])) for column in found["columns"]]
    )
    measures = [measure["name"] for measure in found["measures"]]
    if measures:
        yield ""
        yield from _table(
            ("sum of", "before", "after", "difference"),
            [
                (
                    measure["name"],
                    _amount(measure["before"]),
                    _amount(measure["after"]),
                    _moved(measure["before"], measure["after"]),
                )
                for measure in found["measures"]
            ],
        )
    if found["months"]:
        yield f"\nBy month of {found['dated_by']}:\n"
        yield from _table(
            ("month", "rows before", "after", *(f"{name} {side}" for name in measures for side in ("before", "after"))),
            [
                (
                    _month(month["month"]),
                    *(_count((month[side] or {}).get("rows", 0)) for side in ("before", "after")),
                    *(_amount((month[side] or {}).get(name)) for name in measures for side in ("before", "after")),
                )
                for month in found["months"][:MOST]
            ],
        )
    yield from _examples(difference)
    yield "\n</details>"


def _examples(difference: Difference) -> Iterator[str]:
    rows = difference.found["examples"]
    if not rows:
        return
    yield f"\nThe largest movements{'' if rows[0]['by'] else ' (none of a measure)'}:\n"
    shown = []
    for row in rows:
        before, after = row["before"], row["after"]
        either = after or before
        key = ", ".join(f"{name}={_cell(difference, name, either[name])}" for name in difference.key)
        if before is None or after is None:
            kept = [name for name in either if name not in difference.key][:6]
            values = ", ".join(f"{name} {_cell(difference, name, either[name])}" for name in kept)
            shown.append((key, "added" if before is None else "gone", values))
        else:
            values = ", ".join(
                f"{name} {_cell(difference, name, before[name])} → {_cell(difference, name, after[name])}"
                for name in after
                if before.get(name) != after[name]
            )
            shown.append((key, "changed", values))
    yield from _table(("key", "", "values"), list(dict.fromkeys(shown)))
    keys = ", ".join(difference.key)
    yield (
        "\nAll of them, while the schemas of the review are kept:\n\n```sql\n"
        f"select *\nfrom {difference.before} as before\nfull join {difference.after} as after using ({keys})\n"
        "where before is distinct from after\n```"
    )


def _metrics(report: Report) -> Iterator[str]:
    shown = [metric for metric in report.metrics if metric.what != "equal"]
    rows = [
        (
            f"`{metric.name}`",
            metric.what,
            _amount(metric.before),
            _amount(metric.after),
            "" if metric.per_cent is None else f"{metric.per_cent:+.2f} %",
            metric.owner or metric.problem,
        )
        for metric in sorted(shown, key=lambda metric: (-abs(metric.per_cent or Decimal(0)), metric.name))
    ]
    yield from _table(("metric", "", "before", "after", "difference", "owner"), rows)
    equal = len(report.metrics) - len(shown)
    if equal:
        yield (
            f"\n{equal} metrics that read what was built are equal."
            if shown
            else f"{equal} metrics that read what was built are equal."
        )


def _checks(report: Report) -> Iterator[str]:
    yield from _table(
        ("check", "", "detail", "file"),
        [
            (
                f"`{check.name}`",
                f"**{check.what}**" if check.is_risk else check.what,
                SPECIAL.sub(ESCAPED, check.detail),
                check.path,
            )
            for check in report.checks
        ],
    )


def _cost(report: Report) -> Iterator[str]:
    yield from _table(
        ("node", "s before", "after", "rows before", "after", "MB before", "after"),
        [
            (
                f"`{built.name}`",
                "" if built.seconds_before is None else f"{built.seconds_before:.1f}",
                f"{built.seconds_after:.1f}",
                _count(built.rows_before),
                _count(built.rows_after),
                _megabytes(built.bytes_before),
                _megabytes(built.bytes_after),
            )
            for built in report.cost
        ],
    )
    asked = [query for query in report.queries if query.shape or query.is_slower or query.problem]
    if report.queries and not asked:
        count = len(report.queries)
        yield f"\n{count} queries of the dashboards read what was built: none has another plan or is slower."
    elif asked:
        yield ""
        yield from _table(
            ("query", "", "ms before", "after"),
            [
                (
                    f"`{query.name}`",
                    query.problem or ", ".join(["other plan"] * query.shape + ["**slower**"] * query.is_slower),
                    "" if query.problem else f"{query.ms_before:.1f}",
                    "" if query.problem else f"{query.ms_after:.1f}",
                )
                for query in asked
            ],
        )


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    if not rows:
        return
    yield f"| {' | '.join(names)} |"
    yield f"| {' | '.join('---' for _ in names)} |"
    for row in rows[:MOST]:
        yield "| " + " | ".join(_in_table(str(cell)) for cell in row) + " |"
    if len(rows) > MOST:
        yield f"\n{_more(len(rows)).lstrip()}"


def _in_table(cell: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(cell.split()))


def _list(items: Iterable[str]) -> Iterator[str]:
    found = list(items)
    yield from (f"- {item}" for item in found[:MOST])
    if len(found) > MOST:
        yield f"\n{_more(len(found)).lstrip()}"


def _more(count: int) -> str:
    return f" and {count - MOST} more, in review.json." if count > MOST else "."


def _cell(difference: Difference, name: str, value: object) -> str:
    """Return a value as text that Markdown and HTML take for text."""
    if name in difference.hidden:
        return HIDDEN
    return "null" if value is None else SPECIAL.sub(ESCAPED, " ".join(str(value).split()))


def _count(value: object) -> str:
    return "" if value is None else f"{int(str(value)):,}"


def _amount(value: object) -> str:
    return "" if value is None else f"{Decimal(str(value)).normalize():,f}"


def _moved(before: object, after: object) -> str:
    difference = Decimal(str(after or 0)) - Decimal(str(before or 0))
    return f"{difference.normalize():+,f}"


def _month(value: str) -> str:
    return "no date" if value == "-infinity" else value[:7]


def _megabytes(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:.1f}"
