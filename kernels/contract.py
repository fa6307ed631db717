"""The kernel boundary: what every backend computes, with the shapes and conventions it may assume.

Arrays are C-contiguous float64 of the backend's own namespace; the callers in `pde` treat them as
opaque. A backend is one object that satisfies `Kernels`; the NumPy twins in `reference/` are the
definition of each function. Layout of a density: (2d, n, .., n, n_a), a contiguous.

    d      dimension of the inputs; the directions are 2d panels of n^(d-1) cells
    slabs  (2d, d-1, 2, n, .., n, ..) - one layer of cells beside every panel edge:
           [panel, tangential axis, 0 = low side / 1 = high side, the d-2 other axes, ..]

Nothing here computes: see `reference/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .reference.activations import Remainder

Array = NDArray[Any]
Scheme = Literal["upwind", "muscl"]


@dataclass(frozen=True)
class Connectivity:
    """Which panel edge touches which, and how to read a neighbour's cells on one's own lines.

    panel, axis, side : (2d, d-1, 2) int - the neighbour of [panel, axis, side]: its panel, which of
        its axes is normal to the shared edge, and on which side of it the edge lies
    ghost_weights : (n, n) - interpolation along each tangential axis from the neighbour's layer
        next to the edge onto the continuation of one's own coordinate lines
    """

    panel: NDArray[np.intp]
    axis: NDArray[np.intp]
    side: NDArray[np.intp]
    ghost_weights: Array


@dataclass(frozen=True)
class Velocity:
    """Velocity of the density, frozen over a step.

    faces : one array an axis, (2d, n, .., n+1, .., n) - integral over each face of the velocity per
        unit of `a` in the direction of growing coordinate; empty where directions do not move
    outer : (2d, n, .., n) or None - velocity da/dt of each direction's column; None: a is frozen
    """

    faces: Sequence[Array]
    outer: Array | None


class Kernels(Protocol):
    """Everything that runs on the device."""

    name: str

    def moments(self, rho: Array, a_values: Array, a_weight: float) -> Array:
        """(3, 2d, n, .., n): sum over a of {1, a, a^2} rho, times the weight of a cell."""
        ...

    def pair_forward(
        self, remainder: Remainder, points: Array, data: Array, weights: Array
    ) -> Array:
        """(rows,): sum_j weights_j remainder(points_j . data_k), points (m, d), data (rows, d)."""
        ...

    def pair_backward(
        self, remainder: Remainder, points: Array, data: Array, residual: Array
    ) -> tuple[Array, Array]:
        """Sums over the data at every point, (m,) and (m, d).

        sum_k residual_k remainder(points_j . data_k), and its gradient in points_j.
        """
        ...

    def face_velocities(
        self, gradient: Array, edge_gradient: Array, face_weights: Sequence[Array]
    ) -> list[Array]:
        """Integrated normal component on every face of a vector field known at the cell centres.

        gradient (2d, n, .., n, d) ambient; edge_gradient slabs (.., d) on the panel-edge faces;
        face_weights one array an axis, (2d, n, .., n+1, .., n, d): ambient covector x face measure.
        """
        ...

    def outflow(self, faces: Sequence[Array], volume: Array) -> Array:
        """(2, 2d, n, .., n): share of a cell that leaves it in unit time, for a = +1 and a = -1."""
        ...

    def transport(
        self,
        out: Array,
        rho: Array,
        base: Array | None,
        weights: tuple[float, float],
        dt: float,
        velocity: Velocity,
        volume: Array,
        a_values: Array,
        a_width: float | None,
        scheme: Scheme,
        connectivity: Connectivity,
    ) -> None:
        """One Runge-Kutta stage: out = weights[0] base + weights[1] (rho - dt div(velocity rho)).

        `out` may be `base`, never `rho`. volume (2d, n, .., n) of the unit sphere.
        """
        ...

    def memory(self) -> int:
        """Bytes of memory that the device has, in all."""
        ...
