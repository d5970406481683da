"""One file per way to solve a game."""
