"""Backups of the embedded server, restores, and a standby. docs/backup.md describes the commands."""
