"""What the warehouse holds of a person."""
