"""Data that arrives by itself: changes of other systems, landed in bronze as they happen."""
