"""Drift down a linear potential with noise, from the uniform law on the unit sphere.

    rho_t = div(rho grad(c.u + tau log rho)),   rho(0) = 1

On the circle, s the angle from c, in waves rho = sum_k w_k exp(iks): Psi = cos s couples each wave
to its neighbours,

    w_k' = -tau k^2 w_k + (k/2)(w_(k+1) - w_(k-1))

from (rho Psi')' with Psi' = -sin s. On S^2 in x = c.u, rho_t = ((1 - x^2)(rho + tau rho_x))_x, by
Galerkin's method with Legendre polynomials. Both are linear, so the answer is a matrix exponential;
the bases are cut where their coefficients are below rounding (tau >= 0.002 for the times here).
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.linalg import expm

Array = NDArray[np.float64]

WAVES, POLYNOMIALS = 120, 60


class DriftDiffusion:
    """d = 2 or 3; c = (1, 2, ..)/|.| as of the other flows.

    >>> late = DriftDiffusion(3, 0.2, 50.0)  # the Gibbs state: log of its range is 2/tau
    >>> float(np.log(late.density(-late.c) / late.density(late.c)).round(8))
    10.0
    """

    def __init__(self, d: int, temperature: float, time: float) -> None:
        self.d, self.time = d, time
        self.c: Array = np.arange(1.0, d + 1) / np.linalg.norm(np.arange(1.0, d + 1))
        solve = {2: _waves, 3: _polynomials}[d]
        self.coefficients: Array = solve(temperature, time)

    def density(self, u: Array) -> Array:
        """(..,): rho at u (.., d)."""
        x = np.clip(u @ self.c, -1.0, 1.0)
        if self.d == 3:
            return np.asarray(legendre.legval(x, self.coefficients))
        angle = np.arccos(x)
        waves = (w * np.cos(k * angle) for k, w in enumerate(self.coefficients))
        return np.asarray(sum(waves))


def _waves(temperature: float, time: float) -> Array:
    """Coefficients of cos(k s), k = 0 .. WAVES."""
    k = np.arange(-WAVES, WAVES + 1)
    matrix = np.diag(-temperature * k**2.0)
    matrix += np.diag(-k[1:] / 2.0, -1) + np.diag(k[:-1] / 2.0, 1)
    w = expm(matrix * time)[:, WAVES]
    return np.asarray(np.where(k[WAVES:] > 0, 2.0, 1.0) * w[WAVES:])


def _polynomials(temperature: float, time: float) -> Array:
    """Coefficients of P_l(x)."""
    x, weight = legendre.leggauss(2 * POLYNOMIALS)
    identity = np.eye(POLYNOMIALS)
    value = np.array([legendre.legval(x, row) for row in identity])
    slope = np.array([legendre.legval(x, legendre.legder(row)) for row in identity])
    norm = (2 * np.arange(POLYNOMIALS) + 1) / 2
    flux = (slope * weight * (1 - x**2)) @ (value + temperature * slope).T
    return np.asarray(expm(-norm[:, None] * flux * time)[:, 0])
