"""Limited slopes: monotonized central (MC), and their balance along a.

    s/2 = minmod((q+ - q-)/4, q - q-, q+ - q)

Halves are what face values need. A limited face value q +- s/2 lies between 0 and 2q, which is what
keeps the density positive. Along a, the first moment obeys d/dt sum a q = u (sum q + 1/2 sum s):
any limiter would break the exact law m' = u, so the slopes of a column are balanced, the larger of
their positive and negative sums scaled down to the smaller. They stay limited, and the moment is
exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mc_half_slope(below: Array, above: Array) -> Array:
    """Half the limited slope, from the differences q - q- (`below`) and q+ - q (`above`)."""
    low = np.minimum(below, above)
    high = np.maximum(below, above)
    half = np.add(below, above)
    half *= 0.25
    np.maximum(low, 0.0, out=low)  # the bound of a rising profile, else 0
    np.minimum(high, 0.0, out=high)  # the bound of a falling one, else 0
    np.minimum(half, low, out=half)
    return np.maximum(half, high, out=half)


def mc_states(cells: Array, axis: int) -> tuple[Array, Array]:
    """States at the low and high faces of all cells along `axis` but the one at either end."""
    lines = np.moveaxis(cells, axis, 0)
    difference = np.diff(lines, axis=0)
    half = mc_half_slope(difference[:-1], difference[1:])
    inner = lines[1:-1]
    return np.moveaxis(inner - half, 0, axis), np.moveaxis(inner + half, 0, axis)


def balanced_half_slopes(rho: Array) -> Array:
    """Half the MC slopes along the last axis, 0 at both walls, that add up to 0 in every column."""
    difference = np.diff(rho.ravel())  # of all columns in one: the walls are set below
    half = np.zeros(rho.shape)
    half.reshape(-1)[1:-1] = mc_half_slope(difference[:-1], difference[1:])
    half[..., 0] = half[..., -1] = 0.0
    return balanced(half)


def balanced(slope: Array) -> Array:
    """The same with its rising or its falling part scaled down, so that the last axis sums to 0.

    `slope` is overwritten.
    """
    rising = np.maximum(slope, 0.0)
    slope -= rising  # the falling part
    up = rising.sum(axis=-1, keepdims=True)
    down = -slope.sum(axis=-1, keepdims=True)
    smaller = np.minimum(up, down)
    rising *= smaller / np.where(up > 0.0, up, 1.0)
    slope *= smaller / np.where(down > 0.0, down, 1.0)
    slope += rising
    return slope
