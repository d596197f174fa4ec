"""PgBouncer before the embedded server, for more readers than it has connections. docs/backup.md describes it."""
