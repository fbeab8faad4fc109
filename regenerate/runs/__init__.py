"""The result of one training, and how it is stored."""
