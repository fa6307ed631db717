"""Checks of transport on the sphere: rotations and fixed potentials, errors and orders.

Bounds are the measured tables of the discretization, x 1.2 to 1.5. The last refinement gives the
order; an order from coarser grids would be lower.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..exact import ConformalFlow, Rotation, WhitenedConformalFlow
from ..geometry import CubedSphere
from .check import Finding, at_least, at_most
from .prescribed import cell_average, evolve

Array = NDArray[np.float64]


class Flow(Protocol):
    """A flow of `exact`, from the uniform law."""

    time: float

    def velocity(self, u: Array, /) -> Array:
        """Ambient velocity."""
        ...

    def density(self, u: Array, /) -> Array:
        """Exact density at the end."""
        ...


def turned(d: int, cells: int, backend: str = "numpy") -> tuple[float, float, float]:
    """Relative L1 error, relative mass drift and minimum after one revolution."""
    sphere, exact = CubedSphere(d, cells), Rotation(d)
    start = cell_average(sphere, exact.start)
    end = evolve(sphere, start, exact.velocity, exact.time, backend=backend)
    volume, mass = sphere.volume, float((start * sphere.volume).sum())
    error = float((np.abs(end - start) * volume).sum()) / mass
    return error, abs(float((end * volume).sum()) / mass - 1), float(end.min())


def pushed(flow: Flow, d: int, cells: int, backend: str = "numpy") -> tuple[float, float]:
    """L1 error per unit volume, and error of the mean direction."""
    sphere = CubedSphere(d, cells)
    end = evolve(sphere, np.ones(sphere.shape), flow.velocity, flow.time, backend=backend)
    truth, volume = cell_average(sphere, flow.density), sphere.volume
    mean = (sphere.centres * (volume * end)[..., None]).reshape(-1, d).sum(axis=0)
    exact = [
        (volume * cell_average(sphere, _moment(flow, axis))).sum()
        for axis in range(sphere.dimension)
    ]
    total = volume.sum()
    return (
        float((np.abs(end - truth) * volume).sum() / total),
        float(np.linalg.norm(mean - exact) / total),
    )


def _moment(flow: Flow, axis: int) -> Callable[[Array], Array]:
    return lambda v: np.asarray(flow.density(v) * v[..., axis])


def rotation(d: int, bounds: dict[int, float], order: float) -> Callable[[str], list[Finding]]:
    """A check of one revolution: cells -> bound of the error; the order of the last two."""

    def measure(backend: str) -> list[Finding]:
        found = {n: turned(d, n, backend) for n in bounds}
        errors = [each[0] for each in found.values()]
        rows = [at_most(f"L1 error at {n}", found[n][0], bounds[n]) for n in bounds]
        return [
            *rows,
            *orders("L1", errors, order),
            at_most("mass drift", max(each[1] for each in found.values()), 1e-12),
            at_least("smallest density", min(each[2] for each in found.values()), 0.0),
        ]

    return measure


def potential(
    kind: type[ConformalFlow] | type[WhitenedConformalFlow],
    d: int,
    cells: tuple[int, int],
    bounds: tuple[float, float],
) -> Callable[[str], list[Finding]]:
    """A check of a linear potential: bounds of both errors on the finer grid."""

    def measure(backend: str) -> list[Finding]:
        coarse, fine = (pushed(kind(d), d, n, backend) for n in cells)
        return [
            at_most(f"L1 error at {cells[1]}", fine[0], bounds[0]),
            at_most(f"mean direction's error at {cells[1]}", fine[1], bounds[1]),
            *orders("L1", [coarse[0], fine[0]], 1.6),
            *orders("mean direction's", [coarse[1], fine[1]], 1.9),
        ]

    return measure


def orders(name: str, errors: list[float], bound: float) -> list[Finding]:
    """The order of the last halving, where there are two grids."""
    found = [float(np.log2(coarse / fine)) for coarse, fine in pairwise(errors)]
    return [at_least(f"{name} order", found[-1], bound)] if found else []
