"""Leaving the repository: export, Croissant metadata, the Hub."""
