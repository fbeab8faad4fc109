"""Finite sets of functions, and which spelling is which function."""
