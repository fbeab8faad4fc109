"""What only a GPU can show, and the trainings that only GPUs can pay for: one command."""
