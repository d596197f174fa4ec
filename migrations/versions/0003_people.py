"""Reading a profile and erasing a customer, through functions that leave an event."""

from scripts.revisions import apply

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the statements that lead to this revision."""
    apply(revision, "up")


def downgrade() -> None:
    """Run the statements that lead back."""
    apply(revision, "down")
