"""The mean-field map of full batch normalization on a Gram matrix with no preferred input.

Where G has one number on the diagonal and one beside it, P S P is a multiple of P, and a row after
RC and RS is uniform on a sphere, whatever the two numbers are:

    z_i = sqrt(B - 1) a_i . u,   u uniform on the unit sphere of R^(B-1),   a_i . a_j = -1/(B - 1)

(derived here; Yang et al., arXiv 1902.08129, have it in other coordinates). So T is the same for
all such G. Its diagonal is an integral over a_i . u with the density (1 - t^2)^((B-4)/2), by
Gauss-Jacobi; the rest one over the disc of (a_i . u, a_j . u) with the density (1 - r^2)^((B-5)/2),
by Gauss-Jacobi in r^2 times the trapezoid in the angle. Near machine precision for a smooth phi;
the difference of two rules is given as the error. eps = 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_jacobi

from .layers import LayerSpec

Array = NDArray[np.float64]

NODES = (80, 112)  # of each direction; the second is kept, the first gives the error
_SAME = 1e-12  # entries of a symmetric matrix agree within it, relative to the largest


def is_symmetric(gram: Array) -> bool:
    """Whether all diagonal entries are one number, and all others one."""
    off = gram[~np.eye(len(gram), dtype=bool)]
    spread = max(float(np.ptp(np.diag(gram))), float(np.ptp(off)) if off.size else 0.0)
    return spread <= _SAME * float(np.abs(gram).max())


def symmetric_gram(batch: int, diagonal: float, off: float) -> Array:
    """(B, B): with one number on the diagonal and one beside it.

    >>> symmetric_gram(2, 1.0, 0.5).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    return np.asarray(np.where(np.eye(batch, dtype=bool), float(diagonal), float(off)))


def has_symmetric_map(spec: LayerSpec, gram: Array) -> bool:
    """Whether `symmetric_map` serves; phi has no kinks, which would spoil the rules."""
    full = spec.recenter and spec.rescale and spec.eps == 0.0
    return full and not spec.phi.kinks and is_symmetric(gram)


def symmetric_map(spec: LayerSpec, batch: int) -> tuple[Array, float]:
    """T (B, B), and the difference of two rules."""
    coarse, fine = (np.array(_moments(spec, batch, nodes)) for nodes in NODES)
    return symmetric_gram(batch, *fine), float(np.abs(fine - coarse).max())


def _moments(spec: LayerSpec, batch: int, nodes: int) -> tuple[float, float]:
    """E[h_i^2] and E[h_i h_j]."""

    def phi(t: Array) -> Array:
        return spec.phi.value(spec.gamma * np.sqrt(batch - 1.0) * t + spec.beta)

    t, weights = _on_line(batch - 1, nodes)
    first, second, pair_weights = _on_disc(batch, nodes)
    return float(weights @ phi(t) ** 2), float(pair_weights @ (phi(first) * phi(second)))


def _on_line(dimension: int, nodes: int) -> tuple[Array, Array]:
    """a . u, u uniform on the sphere of R^dimension: nodes, and weights that sum to 1."""
    if dimension == 1:
        return np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    t, weights = roots_jacobi(nodes, 0.5 * (dimension - 3), 0.5 * (dimension - 3))
    return np.asarray(t), np.asarray(weights / weights.sum())


def _on_disc(batch: int, nodes: int) -> tuple[Array, Array, Array]:
    """a_i . u and a_j . u at nodes, and weights that sum to 1."""
    dimension, cosine = batch - 1, -1.0 / (batch - 1)
    if dimension == 1:
        t, weights = _on_line(1, nodes)
        return t, -t, weights
    angle = 2.0 * np.pi * (np.arange(4 * nodes) + 0.5) / (4 * nodes)
    if dimension == 2:
        radius, weights = np.ones(1), np.ones(1)
    else:
        x, weights = roots_jacobi(nodes, 0.5 * (dimension - 4), 0.0)
        radius, weights = np.sqrt(0.5 * (1.0 + x)), weights / weights.sum()
    first = np.multiply.outer(radius, np.cos(angle)).ravel()
    other = np.multiply.outer(radius, np.sin(angle)).ravel()
    each = np.repeat(weights, len(angle)) / len(angle)
    return first, cosine * first + np.sqrt(1.0 - cosine * cosine) * other, each
