"""Optimizers, simulated search and exact baselines over the Act-Bench tables."""
