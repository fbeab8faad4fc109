"""Optimizers, simulated search and exact baselines over the Act-Bench tables."""

import act_bench as _act_bench  # noqa: F401  (names an extra that is not installed)
