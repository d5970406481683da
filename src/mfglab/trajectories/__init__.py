"""One integrator for every player population, and the diagnostics of its trajectories."""
