"""The networks, each with its activation function as a constructor argument."""
