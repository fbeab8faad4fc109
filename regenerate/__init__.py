"""Train any activation function again: recipes, data sets, networks, sweeps, certificates."""
