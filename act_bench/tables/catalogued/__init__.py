"""Functions of the catalogue: what was measured of them here, and what the papers report."""
