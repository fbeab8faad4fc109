"""Training networks of text: the trainer, and initial weights for it."""
