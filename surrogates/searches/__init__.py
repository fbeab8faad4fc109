"""Searches one by one, and many of them in several processes."""
