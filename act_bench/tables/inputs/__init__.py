"""What a network feeds into its activation function: histograms, and the files that hold them."""
