"""Linear combinations of arrays, in blocks that stay in cache: no temporary of the whole is made.

out = sum_i weights_i arrays_i, from the first on; weights from the `after`th on are times `scale`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from .interaction import tiles

Array = NDArray[Any]

BLOCK = 1 << 15  # entries of a block, at least one along the first axis


def combine(
    out: Array,
    arrays: Sequence[Array],
    weights: Sequence[float],
    scale: float | Array = 1.0,
    after: int = 0,
) -> None:
    """Fill `out`, which may be one of the arrays; all of one shape. scale : a number, or (1,)"""
    times = float(scale if isinstance(scale, float | int) else scale[0])
    weights = [*weights[:after], *(times * weight for weight in weights[after:])]
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
