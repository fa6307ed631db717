"""Checks of the dual kernels: every activation against nested quadrature of its own formula."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import erf, ndtr

from ..exact.overlap import Function, overlap
from ..network.dual import dual_kernel
from .check import Finding, at_most

CORRELATIONS = (-0.8, 0.3, 0.9)
FORMULAS: dict[str, tuple[Function, Sequence[float]]] = {  # and where they have kinks
    "relu": (lambda z: np.maximum(z, 0.0), [0.0]),
    "erf": (erf, [0.0]),
    "tanh": (np.tanh, [0.0]),
    "gelu": (lambda z: z * ndtr(z), [0.0]),
    "softplus": (lambda z: np.logaddexp(0.0, z), [0.0]),
    "sin": (np.sin, [0.0]),
    "cos": (np.cos, [0.0]),
    "abs": (np.abs, [0.0]),
    "step": (lambda z: np.heaviside(z, 0.5), [0.0]),
    "linear": (lambda z: z, [0.0]),
    "quadratic": (np.square, [0.0]),
}


def dual_kernels(backend: str) -> list[Finding]:
    """Largest difference over the correlations, of all activations."""
    worst = {name: _off(name) for name in FORMULAS}
    name = max(worst, key=lambda each: worst[each])
    return [at_most(f"{len(worst)} activations, worst {name}: error", worst[name], 1e-10)]


def _off(name: str) -> float:
    sigma, kinks = FORMULAS[name]
    found = dual_kernel(name, CORRELATIONS)
    exact = [overlap(sigma, sigma, c, kinks) for c in CORRELATIONS]
    return float(np.abs(found - exact).max())
