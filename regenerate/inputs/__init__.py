"""What enters an activation function in a network, before training and after it."""
