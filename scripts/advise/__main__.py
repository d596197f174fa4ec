"""`make advise`: which indexes and stored tables would make what is asked faster, and which relations nobody asks."""

import json
from dataclasses import asdict

import click
import psycopg

from scripts import connection, locks
from scripts.advise.advice import Advice, Faster
from scripts.advise.adviser import Adviser
from scripts.advise.asked import prepare
from scripts.advise.text import short
from scripts.errors import Refusal, printable
from scripts.paths import PROJECT_ROOT

MB, SECOND = 1e6, 1_000.0
SHOWN, LONGEST_REASON = 10, 300
PATIENCE_SECONDS = 5.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.option("--top", default=20, show_default=True, help="How many of the longest queries are tried.")
@click.option("--all-roles", is_flag=True, help="Count queries of the role that builds as well.")
def main(*, as_json: bool, top: int, all_roles: bool) -> None:
    """Print advice from the queries that were asked. Nothing is changed.

    Raises:
        Refusal: queries are not counted, or a build is at work.
    """
    prepare(connection.target_name())
    with connection.connect(autocommit=True, name="scripts.advise") as session:
        try:
            locks.take(
                session,
                locks.BUILD_LOCK,
                what="the lock of builds",
                patience=PATIENCE_SECONDS,
                say=_say,
                statement=locks.TRY_SESSION,
            )
        except psycopg.errors.LockNotAvailable as error:
            raise Refusal(f"an index cannot be tried beside a build: {error}.") from error
        adviser = Adviser(
            session, connection.schema_of("gold"), connection.audit_schema(), PROJECT_ROOT / "models", _say
        )
        advice = adviser.advise(top, everyone=all_roles)
    if as_json:
        click.echo(json.dumps(asdict(advice), indent=2))
    else:
        for line in in_words(advice):
            click.echo(printable(line))


def in_words(advice: Advice) -> list[str]:
    """Return the advice as lines for a person.

    Args:
        advice: all advice.
    """
    if not advice.queries:
        lines = [
            f"No reader has asked gold since {advice.since}, so there is nothing to advise. Queries of the role that "
            "builds do not count, unless you add ALL=1."
        ]
        return lines + _left_out(advice)
    total = advice.total_ms / SECOND
    lines = [f"Asked       {advice.queries} queries of gold since {advice.since}, {total:,.1f} s in all"]
    for one in advice.asked[:SHOWN]:
        sampled = f", {one.sampled_ms:,.1f} with sample values" if one.sampled_ms is not None else ""
        times = f"{one.calls:,} times, mean {one.mean_ms:,.1f} ms{sampled}"
        lines.append(f"            {one.share:6.1%}  {times}: {short(one.query)}")
    lines += _indexes(advice) + _views(advice) + _unasked(advice) + _left_out(advice)
    return lines


def _indexes(advice: Advice) -> list[str]:
    if not advice.indexes:
        return ["Indexes     none of those that were tried makes a query faster by a fifth"]
    lines = []
    for one in advice.indexes:
        lines.append(
            f"Index       {one.table} ({', '.join(one.columns)}): saves {one.share:.1%} of the time of all queries "
            f"({one.saved_ms / SECOND:,.1f} s)"
        )
        lines += _faster(one.faster)
        lines.append(f"            size {one.bytes / MB:,.1f} MB, made in {one.make_ms:,.0f} ms")
        if one.write_without_ms is not None and one.write_with_ms is not None:
            lines.append(
                f"            a build writes {one.write_what} in {one.write_with_ms:,.1f} ms with the index, "
                f"{one.write_without_ms:,.1f} ms without"
            )
        lines.append(f"            {one.model or 'config of the model'}: {one.config}")
    return lines


def _views(advice: Advice) -> list[str]:
    lines = []
    for one in advice.views:
        verdict = "would pay" if one.pays else "would not pay"
        lines.append(
            f"View        {one.name}: a stored table {verdict}. It saves {one.saved_ms / SECOND:,.1f} s "
            f"({one.share:.1%} of the time of all queries), and takes {one.write_ms:,.0f} ms to write in each of "
            f"{one.releases} releases and {one.bytes / MB:,.1f} MB"
        )
        lines += _faster(one.faster)
        if one.indexed:
            lines.append(f"            with an index on each of: {', '.join(one.indexed)}")
    return lines


def _faster(faster: tuple[Faster, ...]) -> list[str]:
    return [
        f"            {one.before_ms:,.1f} to {one.after_ms:,.1f} ms, {one.calls:,} times: {short(one.query)}"
        for one in faster[:SHOWN]
    ]


def _unasked(advice: Advice) -> list[str]:
    large = [one for one in advice.unasked if one.is_stored and one.bytes >= MB]
    small = [one.name for one in advice.unasked if one.is_stored and one.bytes < MB]
    views = [one.name for one in advice.unasked if not one.is_stored]
    lines = [
        f"Not asked   {one.name} ({one.bytes / MB:,.1f} MB): it may become a published_view"
        for one in sorted(large, key=lambda one: -one.bytes)
    ]
    if small:
        lines.append(f"Not asked   smaller than 1 MB: {', '.join(small)}")
    if views:
        lines.append(f"Not asked   views, which cost builds nothing: {', '.join(views)}")
    return lines


def _left_out(advice: Advice) -> list[str]:
    return [f"Left out    {short(line, LONGEST_REASON)}" for line in advice.left_out]


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main(prog_name="python -m scripts.advise")
