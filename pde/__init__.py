"""Training time: the mean-field continuity equation of a two-layer network, on a grid."""
