"""Coefficients of the gradient of a function on the grid, for the flux at a temperature.

At a cell, from the two neighbours along each axis (v+ - v- led onto the tangent plane gives rows A)

    gradient = sum_j dual_j (x_j+ - x_j-),   dual = columns of A^T (A A^T)^-1

On a face, N the flux weight of an ambient gradient (mobility and measure inside), h the spacing

    u[x] = -(cross.(g_L + g_R) + K (x_R - x_L)),   K = N.dxi/h,   cross = (N - K (v_R - v_L))/2

Exact for the restriction of a linear function to the tangent plane; second order elsewhere. Only
cells of the same line, and those across a panel edge, are read. What it is used for: see
`kernels.reference.diffusion`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...kernels.contract import Stencil
from ..geometry import CubedSphere

Array = NDArray[np.float64]


def stencil(
    sphere: CubedSphere, face_weights: Sequence[Array], raised: Callable[[Array, Array], Array]
) -> Stencil:
    """The coefficients on a grid.

    face_weights : one array an axis, (2d, n, .., n+1, .., n, d); dotted with an ambient gradient,
        the flux of mobility times gradient through the face
    raised : the mobility on tangent covectors (.., d) at points (.., d)
    """
    neighbours = [_extended(sphere, axis) for axis in range(sphere.axes)]
    dual = _dual(sphere, neighbours)
    cross, compact = [], []
    for axis, weights in enumerate(face_weights):
        lines = [sphere.xi_centres] * sphere.axes
        lines[axis] = sphere.xi_faces
        covector = sphere.covector(sphere.points(lines), axis)
        across = (weights * covector).sum(axis=-1) / sphere.spacing
        span = np.moveaxis(np.diff(neighbours[axis], axis=1), 1, 1 + axis)
        cross.append(np.ascontiguousarray(_first(0.5 * (weights - across[..., None] * span))))
        compact.append(np.ascontiguousarray(across))
    moved = np.stack([raised(vector, sphere.centres) for vector in dual])
    root = np.linalg.cholesky(np.einsum("j...d,k...d->...jk", dual, moved))
    return Stencil(_component_second(dual), _first(_first(root)).copy(), cross, compact)


def _extended(sphere: CubedSphere, axis: int) -> Array:
    """(2d, n + 2, .., d): centres along an axis, which stands second, with the next panels' own."""
    table = sphere.connectivity
    centres = np.moveaxis(sphere.centres, 1 + axis, 1)
    ends = []
    for side in range(2):
        beyond = [
            np.take(
                sphere.centres[table.panel[p, axis, side]],
                -table.side[p, axis, side],  # its first or its last layer
                axis=int(table.axis[p, axis, side]),
            )
            for p in range(2 * sphere.dimension)
        ]
        ends.append(np.stack(beyond)[:, None])
    return np.concatenate([ends[0], centres, ends[1]], axis=1)


def _dual(sphere: CubedSphere, neighbours: Sequence[Array]) -> Array:
    """(d-1, 2d, n, .., n, d)."""
    v = sphere.centres
    rows = []
    for axis, lines in enumerate(neighbours):
        difference = np.moveaxis(lines[:, 2:] - lines[:, :-2], 1, 1 + axis)
        rows.append(difference - (difference * v).sum(axis=-1, keepdims=True) * v)
    a = np.stack(rows, axis=-2)  # (.., d-1, d)
    dual = np.linalg.solve(a @ np.swapaxes(a, -1, -2), a)
    return np.ascontiguousarray(np.moveaxis(dual, -2, 0))


def _first(vectors: Array) -> Array:
    return np.moveaxis(vectors, -1, 0)


def _component_second(vectors: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(vectors, -1, 1))
