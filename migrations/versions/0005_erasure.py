"""Erasing a person from what has landed, and from what lands later."""

from scripts.revisions import apply

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the statements that lead to this revision."""
    apply(revision, "up")


def downgrade() -> None:
    """Run the statements that lead back."""
    apply(revision, "down")
