"""Who has to approve a review, and who has: the owners of the numbers that change."""

from collections.abc import Iterable

from scripts.errors import Refusal
from scripts.review import code
from scripts.review.report import Report

TRAILER = "Numbers-approved-by"
LABEL = "numbers approved: "


def missing(report: Report, labels: Iterable[str]) -> list[str]:
    """Return the owners who have not approved yet.

    Args:
        report: of the review.
        labels: of the pull request. One that begins with `numbers approved: ` names an owner.
    """
    trailers = code.git(
        "log", f"--format=%(trailers:key={TRAILER},valueonly,separator=%x2C)", f"{report.code.base}..{report.code.head}"
    )
    given = {name.strip().lower() for line in trailers.splitlines() for name in line.split(",")}
    given |= {label.strip().lower().removeprefix(LABEL) for label in labels if label.strip().lower().startswith(LABEL)}
    return [owner for owner in report.owners if owner.lower() not in given]


def require(report: Report, labels: Iterable[str]) -> None:
    """Refuse a change of numbers that their owners have not approved.

    Args:
        report: of the review.
        labels: of the pull request.

    Raises:
        Refusal: an approval is missing.
    """
    if owners := missing(report, labels):
        trailers = " and ".join(f"`{TRAILER}: {owner}`" for owner in owners)
        raise Refusal(
            f"{report.verdict}. Not approved by {' and '.join(owners)}: add the trailer {trailers} to a commit, or the "
            f"label `{LABEL}{owners[0]}` to the pull request."
        )
