"""Finite width: the gradient flow of a network of finitely many, possibly weighted, neurons."""
