"""Longer training of a sample of a table: which functions it has, and the files with what came."""
