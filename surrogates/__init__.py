"""Optimizers, simulated search and exact baselines over the Act-Bench tables."""

import act_bench.errors as _errors  # noqa: F401  (act_bench names an extra that is not installed)
