"""The density on another axis of a: cells come or go at its ends, and nothing is interpolated.

out[.., i] = rho[.., i - below], and 0 where the old axis has no such cell
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def regrid(rho: Array, below: int, above: int) -> Array:
    """(2d, n, .., n, n_a + below + above): with so many more cells at the low and the high end.

    Less than 0 is fewer. Every cell is written once.
    """
    count = rho.shape[-1]
    out = np.empty((*rho.shape[:-1], count + below + above), rho.dtype)
    first, last = max(below, 0), out.shape[-1] - max(above, 0)
    out[..., :first] = out[..., last:] = 0
    out[..., first:last] = rho[..., max(-below, 0) : count - max(-above, 0)]
    return out
