"""Train any activation function again: recipes, data sets, networks, sweeps, certificates."""

import act_bench as _act_bench  # noqa: F401  (names an extra that is not installed)
