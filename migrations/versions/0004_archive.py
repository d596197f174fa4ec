"""The rows of old files that went to the archive, and what each file of the archive must hold."""

from scripts.revisions import apply

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the statements that lead to this revision."""
    apply(revision, "up")


def downgrade() -> None:
    """Run the statements that lead back."""
    apply(revision, "down")
