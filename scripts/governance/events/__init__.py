"""The log of events: verify that no one changed it, and print the evidence of a release."""
