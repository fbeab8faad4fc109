"""Asking a table on a clock, and the record of that."""
