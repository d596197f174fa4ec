"""`make lint` and `make fix`: check and mend what changed, or the whole project."""
