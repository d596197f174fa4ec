"""Who may see what, and how that is kept."""
