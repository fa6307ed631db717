"""Sums over all cells of the sphere, or all rows or neurons, in one order.

    total_k = sum_i values[k, i] weights[i]

In float64 and in an order that the number of summands fixes, whatever the machine: here NumPy's
pairwise sum; a device has an order of its own, see `cuda/totals.cu`. Both err by some eps log2 n
of the sum of sizes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def totals(values: Array, weights: Array | None = None) -> Array:
    """(k,): of values (k, ..) with weights (..), or 1."""
    rows = np.ascontiguousarray(values).reshape(len(values), -1)  # else NumPy adds as they lie
    summands = rows if weights is None else rows * weights.reshape(-1)
    sums: Array = summands.sum(axis=1)
    return sums
