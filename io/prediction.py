"""The network's output from the signed measure of a saved density.

    f(x) = shift + scale * sum_j m_j vol_j sigma(v_j . xt),   m(v) = int a rho(v, a) da
    xt = S^(-1/2) (P (x - centre) - mean),   S^(1/2) symmetric

x (rows, raw inputs) · P the principal directions, where the data are projected, else the identity ·
xt (rows, d) whitened inputs · v_j (cells, d) whitened directions · m_j vol_j (cells,).

Memory stays bounded: rows are taken in blocks, and no rows x cells array is ever whole.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ..kernels.errors import InputError
from ..pde.frame import Array, Layout

BLOCK = 2**21  # numbers in a rows x cells block: 16 MiB
Activation = Callable[[Array], Array]


def whitened_inputs(layout: Layout, x: ArrayLike) -> Array:
    """xt of raw inputs: (rows, d)."""
    rows = _checked(layout, x)
    if layout.input_centre is not None:
        rows = rows - layout.input_centre
    if layout.input_basis is not None:
        rows = rows @ layout.input_basis.T
    return np.asarray((rows - layout.data_mean) @ power(layout.data_covariance, -0.5))


def raw_inputs(layout: Layout) -> int:
    """Number of columns of the raw inputs."""
    return layout.dimension if layout.input_basis is None else int(layout.input_basis.shape[1])


def power(matrix: Array, exponent: float) -> Array:
    """A power of a symmetric positive definite matrix, symmetric itself."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values**exponent) @ vectors.T)


def network_output(layout: Layout, measure: Array, sigma: Activation, xt: Array) -> Array:
    """f at whitened inputs, in the units of the raw targets: (rows,).

    measure : (2d, n, .., n) - m(v), per Riemannian volume
    xt : (rows, d)
    """
    directions = layout.direction_whitened.reshape(-1, layout.dimension)
    weights = (measure * layout.cell_volume).ravel()
    carriers = np.flatnonzero(weights)
    directions, weights = directions[carriers], weights[carriers]
    output = np.empty(len(xt))
    block = max(BLOCK // max(len(weights), 1), 1)
    for start in range(0, len(xt), block):
        rows = slice(start, start + block)
        output[rows] = sigma(xt[rows] @ directions.T) @ weights
    return layout.target_shift + layout.target_scale * output


def _checked(layout: Layout, x: ArrayLike) -> Array:
    columns = raw_inputs(layout)
    try:
        rows = np.asarray(x, float)
    except (TypeError, ValueError):
        raise InputError(f"predict: x is not numeric; give an array (rows, {columns})") from None
    if rows.ndim != 2 or rows.shape[1] != columns:
        hint = "; one input is x[None, :]" if rows.shape == (columns,) else ""
        raise InputError(f"predict: x has shape {rows.shape}, expected (rows, {columns}){hint}")
    if not np.isfinite(rows).all():
        row = int(np.argwhere(~np.isfinite(rows))[0, 0])
        raise InputError(f"predict: row {row} of x is not finite; give finite inputs")
    return rows
