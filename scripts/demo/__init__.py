"""`make demo`: a late file, a correction, a failed check and a rollback, in a warehouse that is deleted afterwards."""
