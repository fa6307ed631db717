"""Gradient flow of a linear potential on the sphere: its push-forward of a density in closed form.

    u' = -grad(c.u) = -(c - (c.u) u),   |c| = 1

    s(t) = (s0 cosh t - sinh t)/(cosh t - s0 sinh t),   s = c.u,  s0 = s(0)          (the height)

Derivation: s' = -(1 - s^2) is solved by s = -tanh(t + const), and the direction orthogonal to c
stays. These are conformal maps; a length element at u had, at the start, the length times

    dilation(u) = 1/(cosh t + s sinh t),    so a uniform law becomes dilation^(d-1)

In whitened directions v of inputs of covariance S the same motion, seen through u = S^(-1/2) v /
|S^(-1/2) v|, is the flow of batch normalization's mobility for Psi = c.u(v):

    v' = -M(v) grad_v Psi,   M(v) = (v' S^-1 v) P S P,   P = I - v v'
    dS(u) = det(S)^(-1/2) (v' S^-1 v)^(-d/2) dS(v)

Points have shape (.., d), densities (..,); densities are with respect to dS(u), and dS(v).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CONDITION_10 = {
    2: [10.0, 1.0],
    3: [10.0, 10**0.5, 1.0],
    4: [10.0, 10 ** (2 / 3), 10 ** (1 / 3), 1.0],
}


class ConformalFlow:
    """The flow on the sphere in R^d up to `time`, with c along (1, 2, .., d)."""

    def __init__(self, d: int, time: float = 1.0) -> None:
        self.c: Array = np.arange(1.0, d + 1) / np.linalg.norm(np.arange(1.0, d + 1))
        self.d, self.time = d, time

    def velocity(self, u: Array) -> Array:
        """(.., d): -grad(c.u)."""
        return np.asarray(u * (u @ self.c)[..., None] - self.c)

    def dilation(self, u: Array) -> Array:
        """(..,): length element at the start over that at u."""
        return np.asarray(1.0 / (np.cosh(self.time) + (u @ self.c) * np.sinh(self.time)))

    def density(self, u: Array) -> Array:
        """(..,): what a uniform law of density 1 has become."""
        return np.asarray(self.dilation(u) ** (self.d - 1))

    def origin(self, u: Array) -> Array:
        """(.., d): where the point that is now at u started."""
        s = u @ self.c
        start = (s * np.cosh(self.time) + np.sinh(self.time)) * self.dilation(u)
        across = u - s[..., None] * self.c
        across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-300)
        side = np.sqrt(np.maximum(1 - start**2, 0))
        return np.asarray(start[..., None] * self.c + side[..., None] * across)


class WhitenedConformalFlow:
    """The same flow in v, from the law that is uniform in v.

    variances : (d,) diagonal of S; condition 10 unless given
    """

    def __init__(self, d: int, time: float = 1.0, variances: Sequence[float] | None = None) -> None:
        self.flow, self.d, self.time = ConformalFlow(d, time), d, time
        self.variances: Array = np.asarray(CONDITION_10[d] if variances is None else variances)

    def raw(self, v: Array) -> Array:
        """(.., d): u of v."""
        u = v / np.sqrt(self.variances)
        return np.asarray(u / np.linalg.norm(u, axis=-1, keepdims=True))

    def whitened(self, u: Array) -> Array:
        """(.., d): v of u."""
        v = u * np.sqrt(self.variances)
        return np.asarray(v / np.linalg.norm(v, axis=-1, keepdims=True))

    def gradient(self, v: Array) -> Array:
        """(.., d): grad_v of Psi = c.u(v), tangent at v."""
        u, length = self.raw(v), np.linalg.norm(v / np.sqrt(self.variances), axis=-1)
        across = self.flow.c - u * (u @ self.flow.c)[..., None]
        return np.asarray(across / np.sqrt(self.variances) / length[..., None])

    def velocity(self, v: Array) -> Array:
        """(.., d): the flow of u, carried to v by the derivative of the map."""
        u = self.raw(v)
        moved = self.flow.velocity(u) * np.sqrt(self.variances)
        length = np.linalg.norm(u * np.sqrt(self.variances), axis=-1, keepdims=True)
        return np.asarray((moved - v * (v * moved).sum(axis=-1, keepdims=True)) / length)

    def volume_ratio(self, v: Array) -> Array:
        """(..,): dS(u)/dS(v), up to a constant factor."""
        return np.asarray((v**2 @ (1 / self.variances)) ** (-self.d / 2))

    def density(self, v: Array) -> Array:
        """(..,): what the law that is uniform in v has become."""
        u = self.raw(v)
        start = self.whitened(self.flow.origin(u))
        return np.asarray(self.flow.density(u) * self.volume_ratio(v) / self.volume_ratio(start))
