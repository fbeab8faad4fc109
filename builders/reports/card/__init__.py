"""Reports that the dataset card quotes."""
