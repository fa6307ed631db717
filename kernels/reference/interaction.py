"""Sums over all pairs of neurons and data points, in tiles that stay in the second-level cache.

    f_k = sum_j c_j s(w_j.x_k),   h_j = sum_k e_k s(w_j.x_k),   g_j = sum_k e_k s'(w_j.x_k) x_k

for a remainder s of `activations`. No array of pairs larger than a tile exists. For relu
s(z) = |z|/2 and s'(z) = 1[z > 0] - 1/2, so the backward sums need no more than a mask, and
h_j = w_j . g_j by homogeneity.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .activations import REMAINDERS

Array = NDArray[np.float64]

POINTS = 256  # a tile: points x rows of float64 is 256 KiB
ROWS = 128


def _tiles(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))


def pair_forward(activation: str, points: Array, data: Array, weights: Array) -> Array:
    """(rows,): sum_j weights_j remainder(points_j . data_k)."""
    remainder = REMAINDERS[activation]
    columns = np.ascontiguousarray(data.T)
    total = np.zeros(len(data))
    for row in _tiles(len(data), ROWS):
        for point in _tiles(len(points), POINTS):
            z = points[point] @ columns[:, row]
            if activation == "relu":
                total[row] += (0.5 * weights[point]) @ np.abs(z, out=z)
            else:
                total[row] += weights[point] @ remainder.value(z)
    return total


def pair_backward(
    activation: str, points: Array, data: Array, residual: Array
) -> tuple[Array, Array]:
    """(m,) and (m, d): sums over the data of residual x {remainder, remainder' x}."""
    remainder = REMAINDERS[activation]
    columns = np.ascontiguousarray(data.T)
    moved = residual[:, None] * data
    sums = np.zeros(len(points))
    gradients = np.zeros(points.shape)
    for row in _tiles(len(data), ROWS):
        for point in _tiles(len(points), POINTS):
            z = points[point] @ columns[:, row]
            if activation == "relu":
                np.copyto(z, np.greater(z, 0.0))
                gradients[point] += z @ moved[row]
            else:
                sums[point] += remainder.value(z) @ residual[row]
                gradients[point] += remainder.slope(z) @ moved[row]
    if activation == "relu":
        gradients -= 0.5 * moved.sum(axis=0)
    if remainder.homogeneous:
        sums = np.einsum("jd,jd->j", points, gradients)
    return sums, gradients
