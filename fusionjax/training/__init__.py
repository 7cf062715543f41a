"""Training: state, step, checkpoints and loop, on any number of devices."""
