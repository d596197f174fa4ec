"""The embedded PostgreSQL server: one folder, one Unix socket, no TCP port, nothing to install or to export."""
