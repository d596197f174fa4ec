"""How long rows stay in bronze, and the archive that takes them afterwards."""
