"""Train any activation function again: recipes, data sets, networks, sweeps, certificates."""

import act_bench.errors as _errors  # noqa: F401  (act_bench names an extra that is not installed)
