"""Live searches over a network, data and, if need be, a training of the user."""
