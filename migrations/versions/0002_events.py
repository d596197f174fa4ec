"""The log of events, in which each row holds the hash of the row before."""

from scripts.revisions import apply

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the statements that lead to this revision."""
    apply(revision, "up")


def downgrade() -> None:
    """Run the statements that lead back."""
    apply(revision, "down")
