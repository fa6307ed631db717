"""Sums over all pairs of neurons and data points, in tiles that stay in the second-level cache.

    f_k = sum_j c_j s(w_j.x_k),   h_j = sum_k e_k s(w_j.x_k),   g_j = sum_k e_k s'(w_j.x_k) x_k

for a remainder s of `activations`. No array of pairs larger than a tile exists. For s(z) = |z|,
s'(z) = 2 1[z > 0] - 1, so the backward sums need no more than a mask; and a homogeneous s gives
h_j = w_j . g_j / degree. A gain k is no business of the sums: s(k w.x) is s at the points k w.
Where the sign of w.x matters, it is that of unit vectors, and 0 up to `contract.TIE`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..contract import TIE
from .activations import Remainder

Array = NDArray[np.float64]

POINTS = 256  # a tile: points x rows of float64 is 256 KiB
ROWS = 128


def unit(vectors: Array) -> Array:
    """(.., d): vectors of length one; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0))


def tiles(length: int, size: int) -> Iterator[slice]:
    """Slices of at most a size that cover a length."""
    return (slice(start, min(start + size, length)) for start in range(0, length, size))


def pair_forward(remainder: Remainder, points: Array, data: Array, weights: Array) -> Array:
    """(rows,): sum_j weights_j remainder(points_j . data_k)."""
    value = remainder.value
    if remainder.name == "sign":
        points, data, value = unit(points), unit(data), _sign
    columns = np.ascontiguousarray(data.T)
    total = np.zeros(len(data))
    for row in tiles(len(data), ROWS):
        for point in tiles(len(points), POINTS):
            z = points[point] @ columns[:, row]
            if remainder.name == "abs":
                total[row] += weights[point] @ np.abs(z, out=z)
            else:
                total[row] += weights[point] @ value(z)
    return total


def pair_backward(
    remainder: Remainder, points: Array, data: Array, residual: Array
) -> tuple[Array, Array]:
    """(m,) and (m, d): sums over the data of residual x {remainder, remainder' x}."""
    moved = residual[:, None] * data
    if remainder.name == "abs":
        gradients = 2.0 * _positive(points, data, moved) - moved.sum(axis=0)
        return np.einsum("jd,jd->j", points, gradients), gradients
    if remainder.name == "sign":
        return pair_forward(remainder, data, points, residual), np.zeros(points.shape)
    columns = np.ascontiguousarray(data.T)
    sums = np.zeros(len(points))
    gradients = np.zeros(points.shape)
    for row in tiles(len(data), ROWS):
        for point in tiles(len(points), POINTS):
            z = points[point] @ columns[:, row]
            if remainder.degree is None:
                sums[point] += remainder.value(z) @ residual[row]
            gradients[point] += remainder.slope(z) @ moved[row]
    if remainder.degree is not None:
        sums = np.einsum("jd,jd->j", points, gradients) / remainder.degree
    return sums, gradients


def _positive(points: Array, data: Array, moved: Array) -> Array:
    """(m, d): sum of moved (rows, d) over the rows where points.data > 0, ties excluded."""
    directions, columns = unit(points), np.ascontiguousarray(unit(data).T)
    sums = np.zeros(points.shape)
    for row in tiles(len(data), ROWS):
        for point in tiles(len(points), POINTS):
            z = directions[point] @ columns[:, row]
            np.copyto(z, np.greater(z, TIE))
            sums[point] += z @ moved[row]
    return sums


def _sign(z: Array) -> Array:
    """Of products of unit vectors; 0 on a tie."""
    return np.subtract(z > TIE, z < -TIE, dtype=float)
