"""Outer weights that are solved for: the ridge regression of a network on its own neurons.

    min over a of  1/2 E(f - y)^2 + lambda/2 sum_j m_j a_j^2,   f = sum_j m_j a_j sigma_j

has the one solution a = -h/lambda, h_j = E[(f - y) sigma_j]. By overlaps of the neurons, or, where
there are more neurons than rows, by the rows (F = sigma of rows x neurons):

    (m^(1/2) G m^(1/2) + lambda) m^(1/2) a = m^(1/2) g,   G = E[sigma sigma'], g = E[y sigma]
    (F m F'/n + lambda) alpha = y,   a = F' alpha/n

It is the limit of training a infinitely fast (two time scales: Marion and Berthier, NeurIPS
2023). overlap (N, N), features (rows, N), mass m (N,); a (N,) of one network.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ...kernels.errors import NumericalFailure

Array = NDArray[np.float64]


def by_overlaps(overlap: Array, wanted: Array, mass: Array, ridge: float) -> Array:
    """(N,): a, from the overlaps of the neurons and with the target."""
    root = np.sqrt(mass)
    return np.asarray(_solved(root[:, None] * overlap * root, root * wanted, ridge) / root)


def by_rows(features: Array, targets: Array, mass: Array, ridge: float) -> Array:
    """(N,): a, from the rows, by whichever system is smaller."""
    count, width = features.shape
    if width <= count:
        return by_overlaps(features.T @ features / count, targets @ features / count, mass, ridge)
    pulls = _solved((features * mass) @ features.T / count, targets, ridge)
    return np.asarray(pulls @ features / count)


def _solved(matrix: Array, right: Array, ridge: float) -> Array:
    """(matrix + ridge)^-1 right."""
    matrix = matrix + ridge * np.eye(len(matrix))
    try:
        return np.asarray(cho_solve(cho_factor(matrix, lower=True, check_finite=False), right))
    except LinAlgError:
        raise NumericalFailure(
            f"training.ridge = {ridge:g} is lost in the rounding of the regression for a; give a "
            "larger one"
        ) from None
