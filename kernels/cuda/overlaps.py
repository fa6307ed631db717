"""Launches of the sums over neurons with a dual kernel: the twin of reference/overlaps.py.

They are the pair sums of pairs.cu and tiles.cu with one more function of z = p.q, a series in the
angle (OVERLAP of remainders.cu),

    x = (2/pi) asin c,  y = 2 x^2 - 1,   even part = sum e_n T_n(y),  odd part = x sum o_n T_n(y)

which every dual kernel has, but for the jump of two steps, which is added. Always in double: in
float the angle between neighbours would lose half of its digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ..contract import Overlap
from ..reference.activations import Remainder
from .pairs import PairSums

Array = NDArray[np.float64]
Pairs = Callable[[Remainder, int], PairSums]

NODES = (12, 24, 48, 96, 192, 384, 768)  # of the series, until it is exact
TAIL = 1e-12  # of the largest coefficient: what the rounding of c leaves of an angle
ROUNDING = 1e-15


class OverlapSums:
    """The sums of one overlap, in parts of definite parity. pairs : of a remainder, for some d."""

    def __init__(self, parts: list[Remainder], pairs: Pairs) -> None:
        self.parts, self.pairs = parts, pairs

    def __call__(self, points: Any, neurons: Any, weights: Any) -> tuple[Any, Any]:
        """(m,) and (m, d): sum_j weights_j k(p_i.q_j), and its gradient in the points."""
        pairs = [self.pairs(part, points.shape[1]) for part in self.parts]
        arrays = [pairs[0].device.array(x) for x in (points, neurons, weights)]
        made = [each.backward(*arrays) for each in pairs]
        sums, gradients = made[0]
        for more, slopes in made[1:]:
            sums, gradients = sums + more, gradients + slopes
        return sums, gradients


def series(overlap: Overlap) -> list[Remainder] | None:
    """An overlap's parts as `remainders.cu` computes them; None where a series is too long.

    Parts that are zero are left out, but for one where all is.
    parameters : of the value, then the jump; of the slope, then the parity
    """
    found = next((s for n in NODES if (s := _interpolated(overlap, n)) is not None), None)
    if found is None:
        return None
    parts: list[Remainder] = []
    for parity, (value, slope) in zip((1, -1), found, strict=True):
        jump = overlap.jump if parity < 0 else 0.0
        if value.any() or slope.any() or jump or (parity < 0 and not parts):
            pad = max(len(value), len(slope))
            rows = [np.pad(each, (0, pad - len(each))) for each in (value, slope)]
            parameters = (*rows[0], jump, *rows[1], parity)
            parts.append(_remainder(tuple(map(float, parameters))))
    return parts


def _interpolated(overlap: Overlap, count: int) -> list[tuple[Array, Array]] | None:
    """Series of value and slope, of the even part and then of the odd one, by nodes in y."""
    y = chebyshev.chebpts1(count)
    x = np.sqrt(0.5 * (1 + y))
    c = np.sin(0.5 * np.pi * x)
    values, slopes = (np.array(each) for each in overlap.both(np.stack([c, -c])))
    values -= overlap.jump * np.arcsin(np.stack([c, -c]))
    slopes -= overlap.jump / np.sqrt((1 - c) * (1 + c))
    even = values[0] + values[1], (slopes[0] - slopes[1]) / x
    odd = (values[0] - values[1]) / x, slopes[0] + slopes[1]
    table = chebyshev.chebvander(y, count - 1).T @ np.stack([*even, *odd], axis=-1) / count
    table[0] /= 2
    scale = max(np.abs(table).max(), abs(overlap.jump))  # small where a gain is small
    if scale <= ROUNDING:
        return [(np.zeros(1), np.zeros(1))] * 2  # even and odd functions: orthogonal
    if np.abs(table[-count // 8 :]).max() > TAIL * scale:
        return None
    kept = [_cut(column, scale) for column in table.T]
    return [(kept[0], kept[1]), (kept[2], kept[3])]


def _cut(column: Array, scale: float) -> Array:
    """A series without what is negligible; at least one entry."""
    column = np.where(np.abs(column) > ROUNDING * scale, column, 0.0)
    return column[: 1 + int(np.flatnonzero(column).max(initial=0))]


def _remainder(parameters: tuple[float, ...]) -> Remainder:
    def refused(_: Array) -> Array:
        raise TypeError("an overlap is summed on a device alone")

    return Remainder("overlap", refused, refused, parameters)
