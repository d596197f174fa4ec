"""Metrics: their catalogue, the SQL of a question about them, and the answer from the release."""
