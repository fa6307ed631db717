"""Linear combinations of arrays, in blocks that stay in cache: no temporary of the whole is made.

out = sum_i weights_i arrays_i, from the first on
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from .interaction import tiles

Array = NDArray[Any]

BLOCK = 1 << 15  # entries of a block, at least one along the first axis


def combine(out: Array, arrays: Sequence[Array], weights: Sequence[float]) -> None:
    """Fill `out`, which may be one of the arrays; all of one shape."""
    if out.size <= BLOCK:
        out[...] = _sum(arrays, weights)
        return
    for part in tiles(len(out), max(1, BLOCK * len(out) // out.size)):
        out[part] = _sum([array[part] for array in arrays], weights)


def _sum(arrays: Sequence[Array], weights: Sequence[float]) -> Array:
    total = arrays[0] * weights[0]
    for array, weight in zip(arrays[1:], weights[1:], strict=True):
        total += array * weight
    return total
