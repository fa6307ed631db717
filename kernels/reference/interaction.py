"""Sums over all pairs of neurons and data points, in tiles that stay in the second-level cache.

    f_k = sum_j c_j s(w_j.x_k),   h_j = sum_k e_k s(w_j.x_k),   g_j = sum_k e_k s'(w_j.x_k) x_k

for a remainder s of `activations`. No array of pairs larger than a tile exists. For s(z) = |z|,
s'(z) = 2 1[z > 0] - 1, so the backward sums need no more than a mask; and a homogeneous s gives
h_j = w_j . g_j / degree. A gain k is no business of the sums: s(k w.x) is s at the points k w.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .activations import Remainder

Array = NDArray[np.float64]

POINTS = 256  # a tile: points x rows of float64 is 256 KiB
ROWS = 128


def _tiles(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))


def pair_forward(remainder: Remainder, points: Array, data: Array, weights: Array) -> Array:
    """(rows,): sum_j weights_j remainder(points_j . data_k)."""
    columns = np.ascontiguousarray(data.T)
    total = np.zeros(len(data))
    for row in _tiles(len(data), ROWS):
        for point in _tiles(len(points), POINTS):
            z = points[point] @ columns[:, row]
            if remainder.name == "abs":
                total[row] += weights[point] @ np.abs(z, out=z)
            else:
                total[row] += weights[point] @ remainder.value(z)
    return total


def pair_backward(
    remainder: Remainder, points: Array, data: Array, residual: Array
) -> tuple[Array, Array]:
    """(m,) and (m, d): sums over the data of residual x {remainder, remainder' x}."""
    columns = np.ascontiguousarray(data.T)
    moved = residual[:, None] * data
    masked = remainder.name == "abs"
    sums = np.zeros(len(points))
    gradients = np.zeros(points.shape)
    for row in _tiles(len(data), ROWS):
        for point in _tiles(len(points), POINTS):
            z = points[point] @ columns[:, row]
            if masked:
                np.copyto(z, np.greater(z, 0.0))
                gradients[point] += z @ moved[row]
                continue
            if remainder.degree is None:
                sums[point] += remainder.value(z) @ residual[row]
            gradients[point] += remainder.slope(z) @ moved[row]
    if masked:
        gradients = 2.0 * gradients - moved.sum(axis=0)
    if remainder.degree is not None:
        sums = np.einsum("jd,jd->j", points, gradients) / remainder.degree
    return sums, gradients
