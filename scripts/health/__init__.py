"""Is the warehouse well? One line for each measure, for people and for monitors. docs/health.md describes them."""
