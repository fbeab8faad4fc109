"""Training one function: networks, steps, optimizers and schedules."""
