"""WENO5-Z states on the faces of a cell: fifth order along a line where the density is smooth.

Three parabolas through three cells each give candidates p_k; smooth ones get the ideal weights d_k,
those that cross a jump next to none:

    q_face = sum_k w_k p_k,   w_k ~ d_k (1 + (t/(b_k + eps))^2),   t = |b_0 - b_2|
    b_k = 13/12 (curvature)^2 + 1/4 (slope)^2   of the parabola, scaled to a cell
    limited:  q + theta (q_face - q),  theta the largest <= 1 that keeps 0 <= q_face <= 2q on both
              faces and the cell's middle (Simpson's rule) non-negative

With both bounds the density stays non-negative up to Courant number 1/2; the lower one alone would
let a face carry 6q. Mirrored cells give bitwise mirrored states. Sources: Borges, Carmona, Costa,
Don, J. Comput. Phys. 227 (2008) 3191 (weights); Zhang, Shu, J. Comput. Phys. 229 (2010) 3091
(limit from below). Face values of each line, so in two and more dimensions second order in the end,
with a small constant.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EPSILON = {8: 1e-40, 4: 1e-30}  # by bytes of a number
STEEPEST = {8: 1e150, 4: 1e18}  # what may be squared


def weno_states(cells: Array, axis: int) -> tuple[Array, Array]:
    """States at the low and high faces of all cells along `axis` but the two at either end."""
    lines = np.moveaxis(cells, axis, 0)
    count = len(lines) - 4
    a, b, c, d, e = (lines[i : i + count] for i in range(5))
    low, middle, high = _preferences(a, b, c, d, e)
    above = _combined(a, b, c, d, e, low, middle, high)
    below = _combined(e, d, c, b, a, high, middle, low)
    below, above = _limited(c, below, above)
    return np.moveaxis(below, 0, axis), np.moveaxis(above, 0, axis)


def _preferences(a: Array, b: Array, c: Array, d: Array, e: Array) -> tuple[Array, Array, Array]:
    """1 + (t/(b_k + eps))^2 of the three parabolas, from low to high."""
    low = _roughness((a + c) - 2 * b, (a + 3 * c) - 4 * b)
    middle = _roughness((b + d) - 2 * c, b - d)
    high = _roughness((e + c) - 2 * d, (e + 3 * c) - 4 * d)
    uneven = np.abs(low - high)

    bytes_each = c.dtype.itemsize

    def preference(roughness: Array) -> Array:
        ratio = uneven / (roughness + EPSILON[bytes_each])
        return np.asarray(1 + np.minimum(ratio, STEEPEST[bytes_each]) ** 2)

    return preference(low), preference(middle), preference(high)


def _roughness(curvature: Array, slope: Array) -> Array:
    return np.asarray(13 / 12 * curvature**2 + 0.25 * slope**2)


def _combined(
    a: Array, b: Array, c: Array, d: Array, e: Array, far: Array, middle: Array, near: Array
) -> Array:
    """The state of cell c at its face towards e; ideal weights 1/10, 6/10, 3/10."""
    far, middle, near = 0.1 * far, 0.6 * middle, 0.3 * near
    total = far * (2 * a - 7 * b + 11 * c)
    total += middle * (5 * c - b + 2 * d)
    total += near * (2 * c + 5 * d - e)
    return np.asarray(total / (6 * (far + middle + near)))


def _limited(q: Array, below: Array, above: Array) -> tuple[Array, Array]:
    """Both states drawn towards the cell's value until they obey the bounds."""
    inside = 1.5 * (q - (below + above) / 6)
    least = np.minimum(np.minimum(below, above), inside)
    reach = np.maximum(q - least, np.maximum(below, above) - q)
    theta = np.divide(q, reach, out=np.ones_like(reach), where=reach > q)
    most = 2 * q  # the bounds again, for what is lost to rounding
    return (
        np.clip(q + theta * (below - q), 0.0, most),
        np.clip(q + theta * (above - q), 0.0, most),
    )
