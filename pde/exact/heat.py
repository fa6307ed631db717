"""Modes of the heat flow on the sphere of radius r in R^d: a spherical harmonic decays at one rate.

    q_t = tau Lap q,   q = 1 + eps exp(-tau l(l+d-2)/r^2 t) Z_l(c.u)

Z_l is the zonal harmonic of degree l, Z_l(1) = 1: cos(l arccos s) on the circle, the Gegenbauer
polynomial of index (d-2)/2 above. Source: Lap Y = -l(l+d-2) Y on the unit sphere; Stein and Weiss,
Fourier Analysis on Euclidean Spaces (1971), chapter IV.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_gegenbauer

Array = NDArray[np.float64]


class HeatMode:
    """Degree l >= 1 in R^d, around the axis c = (1, 2, .., d)/|.|; amplitude eps < 1.

    >>> HeatMode(3, 2).rate
    6.0
    """

    def __init__(self, d: int, degree: int, amplitude: float = 0.5, radius: float = 1.0) -> None:
        self.d, self.degree, self.amplitude = d, degree, amplitude
        self.c: Array = np.arange(1.0, d + 1) / np.linalg.norm(np.arange(1.0, d + 1))
        self.rate = degree * (degree + d - 2) / radius**2

    def harmonic(self, u: Array) -> Array:
        """(..,): Z_l at u (.., d)."""
        s = np.clip(u @ self.c, -1.0, 1.0)
        if self.d == 2:
            return np.asarray(np.cos(self.degree * np.arccos(s)))
        index = (self.d - 2) / 2
        top = eval_gegenbauer(self.degree, index, 1.0)
        return np.asarray(eval_gegenbauer(self.degree, index, s) / top)

    def density(self, u: Array, time: float, temperature: float = 1.0) -> Array:
        """(..,): q at a time; its mean over the sphere is 1."""
        left = self.amplitude * np.exp(-temperature * self.rate * time)
        return np.asarray(1 + left * self.harmonic(u))
