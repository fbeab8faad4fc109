"""Tables at fidelities that a sample of the entries is trained at."""
