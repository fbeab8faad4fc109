"""Batches of images, and what is done to them in training."""
