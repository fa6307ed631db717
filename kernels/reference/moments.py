"""Sums over the a axis: the only way in which the density enters the network's output.

    M_p(v) = sum_i a_i^p rho(v, a_i) w,   p = 0, 1, 2

w is the width of an a cell, or 1 on a list of fixed values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .transport import BLOCK_CELLS

Array = NDArray[np.float64]


def moments(rho: Array, a_values: Array, a_weight: float) -> Array:
    """(3, 2d, n, .., n): the moments of order 0, 1 and 2 over a."""
    powers = a_weight * np.stack([np.ones_like(a_values), a_values, a_values**2], axis=1)
    columns, sums = rho.reshape(-1, len(a_values)), np.empty((rho[..., 0].size, 3))
    step = max(1, BLOCK_CELLS // len(a_values))
    for i in range(0, len(columns), step):  # blocks: 32-bit cells are summed in 64
        sums[i : i + step] = columns[i : i + step] @ powers
    return np.ascontiguousarray(sums.T).reshape(3, *rho.shape[:-1])
