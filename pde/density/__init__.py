"""The finite-volume density: its state, its velocity and its transport."""
