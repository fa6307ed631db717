"""Face velocities of mode (e): four-point interpolation along the panel's lines.

A vector field is known at the cell centres, and analytically on the faces that lie on panel edges.
Inside a panel the face value interpolates four centres along the coordinate line, one-sided next to
an edge, so no ghost is needed; a two-point normal difference would be inconsistent, since the grid
is not orthogonal (d >= 3). The face's own covector then takes the normal component.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CENTRED = np.array([-1.0, 9.0, 9.0, -1.0]) / 16.0
ONE_SIDED = np.array([5.0, 15.0, -5.0, 1.0]) / 16.0  # at 1/2, from the nodes 0, 1, 2, 3


def face_velocities(
    gradient: Array, edge_gradient: Array, face_weights: Sequence[Array]
) -> list[Array]:
    """One array an axis, (2d, n, .., n+1, .., n): covector x measure . interpolated field."""
    faces = []
    for axis, weights in enumerate(face_weights):
        lines = np.moveaxis(gradient, 1 + axis, 1)
        value = np.empty((lines.shape[0], lines.shape[1] + 1, *lines.shape[2:]))
        value[:, 0], value[:, -1] = edge_gradient[:, axis, 0], edge_gradient[:, axis, 1]
        value[:, 1] = _combine(ONE_SIDED, [lines[:, i] for i in range(4)])
        value[:, -2] = _combine(ONE_SIDED, [lines[:, -1 - i] for i in range(4)])
        last = lines.shape[1] - 3
        value[:, 2:-2] = _combine(CENTRED, [lines[:, i : last + i] for i in range(4)])
        normal = np.einsum("...d,...d->...", np.moveaxis(value, 1, 1 + axis), weights)
        faces.append(np.ascontiguousarray(normal))
    return faces


def _combine(coefficients: Array, values: Sequence[Array]) -> Array:
    return np.asarray(np.sum([c * v for c, v in zip(coefficients, values, strict=True)], axis=0))


def outflow(faces: Sequence[Array], volume: Array) -> Array:
    """(2, 2d, n, .., n): rate at which a cell empties, for a = +1 and for a = -1."""
    rates = np.zeros((2, *volume.shape))
    for axis, flux in enumerate(faces):
        lines, plus, minus = (np.moveaxis(x, 1 + axis, 1) for x in (flux, rates[0], rates[1]))
        low, high = lines[:, :-1], lines[:, 1:]
        plus += np.maximum(high, 0.0) - np.minimum(low, 0.0)
        minus += np.maximum(low, 0.0) - np.minimum(high, 0.0)
    return rates / volume
