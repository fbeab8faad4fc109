"""What the adapters of ``examples/adapters`` do, each in an environment with its library."""
