"""Reports on the learning-rate axis of the tables."""
