"""Solid rotation of a bump: after one revolution it is what it was, wherever its path led.

    v' = Omega v,   Omega = q p' - p q',   p = e_1,   q = (0, 1, .., 1)/sqrt(d-1)
    bump(v) = exp(b (v.p - 1))

The path is a great circle in the plane of p and q. On a cubed sphere it leads from the centre of a
face through edges (d = 3) and corners (d = 4), the worst places of such a grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PERIOD = 2 * np.pi
SHARPNESS = {2: 20.0, 3: 20.0, 4: 10.0}  # b, of the measured tables


class Rotation:
    """A bump in R^d turned through `angle` (radians) at unit speed.

    sharpness : b; that of the tables unless given
    """

    def __init__(self, d: int, angle: float = PERIOD, sharpness: float | None = None) -> None:
        self.time = angle
        self.sharpness = SHARPNESS[d] if sharpness is None else sharpness
        self.along: Array = np.eye(d)[0]
        self.across: Array = np.array([0.0] + [1.0] * (d - 1)) / np.sqrt(d - 1)

    def start(self, v: Array) -> Array:
        """(..,): the bump before."""
        return np.asarray(np.exp(self.sharpness * (v @ self.along - 1)))

    def velocity(self, v: Array) -> Array:
        """(.., d): Omega v."""
        p, q = v @ self.along, v @ self.across
        return np.asarray(p[..., None] * self.across - q[..., None] * self.along)

    def density(self, v: Array) -> Array:
        """(..,): the bump after; volumes are kept."""
        top = np.cos(self.time) * self.along + np.sin(self.time) * self.across
        return np.asarray(np.exp(self.sharpness * (v @ top - 1)))
