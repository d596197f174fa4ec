"""The ledger of landed files: the shape of every warehouse before there were revisions."""

from scripts.revisions import apply

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the statements that lead to this revision."""
    apply(revision, "up")


def downgrade() -> None:
    """Run the statements that lead back."""
    apply(revision, "down")
