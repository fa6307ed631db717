"""Transport alone: a density on the sphere under a given velocity, on the solver's own kernels.

    rho_t + div(rho V(u)) = 0

The velocity is given as an ambient field at any points; it enters at the places where the
interaction would give a gradient. Cell averages of exact densities are by Gauss quadrature.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from ...kernels import Velocity, select
from ...kernels.contract import Grid, Scheme, Stage
from ..density.flow import STAGES
from ..geometry import CubedSphere, Stations

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

CFL = 0.45


def cell_average(sphere: CubedSphere, function: Function, order: int = 4) -> Array:
    """(2d, n, .., n): average over every cell of function(points), points (.., d)."""
    nodes, weights = leggauss(order)
    total, volume = np.zeros(sphere.shape), np.zeros(sphere.shape)
    for index in np.ndindex(*[order] * sphere.axes):
        lines = [sphere.xi_centres + 0.5 * sphere.spacing * nodes[i] for i in index]
        points = sphere.points(lines)
        element = sphere.sqrt_metric(points) * np.prod([weights[i] for i in index])
        total, volume = total + element * function(points), volume + element
    return np.asarray(total / volume)


def evolve(
    sphere: CubedSphere,
    start: Array,
    velocity: Function,
    time: float,
    scheme: Scheme = "muscl",
    backend: str = "numpy",
) -> Array:
    """The density (2d, n, .., n) after `time` under an ambient velocity field, at CFL 0.45.

    velocity : points (.., d) -> (.., d)
    """
    kernels, stations = select(backend), Stations(sphere)
    value, half = velocity(stations.full), len(stations.half)
    field, edges = map(kernels.array, stations.unfold(value[:half], value[half:]))
    faces = kernels.face_velocities(field, edges, [kernels.array(w) for w in sphere.face_weights])
    volume = kernels.array(sphere.volume)
    steps = int(np.ceil(time * float(kernels.outflow(faces, volume)[0].max()) / CFL))
    rho = kernels.array(start[..., None].copy())
    dt, stages = time / steps, STAGES[scheme]
    fixed = (Velocity(faces, None), Grid(volume, np.ones(1), None, sphere.connectivity))
    outs = [*(np.empty_like(rho) for _ in stages[1:]), rho]
    for _ in range(steps):
        now, base = rho, None
        for out, weights in zip(outs, stages, strict=True):
            kernels.transport(out, now, Stage(scheme, dt, weights, base), *fixed)
            now, base = out, rho
    return np.asarray(kernels.host(rho)[..., 0])
