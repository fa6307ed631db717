"""Transport along the axis of the outer weight, where the velocity varies along it.

    u = drift - k tau (log q+ - log q)/w,   |u| <= |drift| + 2 k tau/w,   drift = outer - k ridge a

on the faces between cells of width w, k the mobility of a; the walls are closed. The last term is
noise; its bound keeps vacuum from being filled at once, which no positive step could follow, and
does not touch an equilibrium, where u = 0 exactly. Without ridge and noise the velocity is one a
column: that is `transport`'s own. Rows are columns of a; shapes (rows, n_a), faces (rows, n_a - 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contract import Scheme, Velocity
from .limiter import balanced_half_slopes
from .weno import weno_states

Array = NDArray[np.float64]

VACUUM = {8: 1e-290, 4: 1e-30}  # by bytes of a number: below, no relative precision is left


def vacuum(rho: Array) -> float:
    """Densities below it count as it in a logarithm, and as 0 after a stage."""
    return VACUUM[rho.dtype.itemsize]


def logarithm(rho: Array, least: float) -> Array:
    """log rho in 64 bits, of at least `least`: its differences have none to lose."""
    return np.asarray(np.log(np.maximum(rho, least), dtype=np.float64))


def outer_speed(velocity: Velocity, outer: Array, rho: Array, a_values: Array) -> Array:
    """da/dt on the faces; outer (rows,), the part of the velocity that is one a column."""
    faces = 0.5 * (a_values[:-1] + a_values[1:])
    drift: Array = outer[:, None] - velocity.outer_rate * velocity.ridge * faces
    drift = drift.astype(rho.dtype, copy=False)
    if velocity.heat is None:
        return drift
    width = float(a_values[1] - a_values[0])
    per_difference = velocity.outer_rate * velocity.heat.temperature / width
    speed = drift - per_difference * np.diff(logarithm(rho, vacuum(rho)), axis=1)
    return bounded(speed, np.abs(drift) + 2.0 * per_difference)


def bounded(speed: Array, bound: Array) -> Array:
    """The speed, at most the bound in size; in place."""
    np.minimum(speed, bound, out=speed)
    return np.maximum(speed, -bound, out=speed)


def outer_flux(rho: Array, speed: Array, scheme: Scheme) -> Array:
    """Flux through the faces."""
    left, right = _outer_states(rho, scheme)
    flux: Array = np.maximum(speed, 0.0) * left
    flux += np.minimum(speed, 0.0) * right
    return flux


def _outer_states(rho: Array, scheme: Scheme) -> tuple[Array, Array]:
    """States left and right of the faces."""
    if scheme == "upwind":
        return rho[:, :-1], rho[:, 1:]
    if scheme == "muscl":
        half = balanced_half_slopes(rho)
        return rho[:, :-1] + half[:, :-1], rho[:, 1:] - half[:, 1:]
    below, above = weno_states(np.pad(rho, [(0, 0), (2, 2)]), 1)
    return above[:, :-1], below[:, 1:]
