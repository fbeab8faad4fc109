"""Many trainings: sweeps, and where they run."""
