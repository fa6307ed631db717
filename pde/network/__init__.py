"""Two-layer networks: activations, dual kernels, data, targets, losses, initial laws."""
