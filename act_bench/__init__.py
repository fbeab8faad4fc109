"""Act-Bench."""
