"""The mean-field continuity equation on a grid of directions times the a axis.

    rho_t = d_a(rho h) + (a/r^2) div_u(rho grad_u h),   h = h(v; m),  m(v) = int a rho da

A `Flow` binds a problem to a grid and a backend. It gives the field of a density, the velocity that
the field means, the largest stable step, and one step of transport under a frozen velocity. It
keeps no state and no clock: those are `State`'s and the driver's.

cell_volume = r^(d-1) x volume on the unit sphere; rho x cell_volume x axis.weight sums to 1.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...kernels import Kernels, Velocity
from ...kernels.contract import Scheme
from ..geometry import CubedSphere, Stations
from ..geometry.axis import CellAxis, ListAxis, OuterAxis
from ..network.data import Samples
from ..network.initial import NORMAL_REACH
from ..network.interaction import (
    Interaction,
    PopulationInteraction,
    SampledInteraction,
)
from ..problem import Problem
from ..stepping.tableaux import SSP_RK2
from .field import Field
from .start import direction_averages, given_averages
from .state import State

Array = NDArray[np.float64]


class Flow:
    """A problem on a grid.

    problem : what is solved; cells : n, along a panel edge; scheme : "upwind" or "muscl"
    kernels : the backend
    """

    def __init__(self, problem: Problem, cells: int, scheme: Scheme, kernels: Kernels) -> None:
        self.problem, self.kernels, self.scheme = problem, kernels, scheme
        self.sphere = CubedSphere(problem.dimension, cells)
        self.volume = self.sphere.volume
        norm = problem.metric.norm
        self.cell_volume = self.volume * norm ** (problem.dimension - 1)
        self.whitened = problem.metric.whitened(self.sphere.centres)
        self.face_weights = [-w / norm**2 for w in self.sphere.face_weights]
        self._middle: Array | None = None
        stations = Stations(self.sphere)
        self.interaction: Interaction
        if isinstance(problem.data, Samples):
            self.interaction = SampledInteraction(
                problem.activation, problem.loss, problem.metric, stations, problem.data, kernels
            )
        else:
            assert problem.teacher is not None
            self.interaction = PopulationInteraction(
                problem.activation, problem.metric, stations, problem.teacher
            )

    def initial_state(self, a_cells: int, a_range: tuple[float, float] | None, end: float) -> State:
        """The initial law on the grid; `a_range` None: chosen, and extended when needed.

        end : of the run, which bounds how far a can move before the axis is extended.
        """
        problem, law = self.problem, self.problem.outer_law
        axis: OuterAxis
        if law.atoms is not None and not problem.trains_outer:
            axis = ListAxis(law.atoms)
        else:
            if a_range is not None and problem.density is None:
                law.refuse_outside(*a_range)
            axis = CellAxis.covering(*(a_range or self._automatic_range(a_cells, end)), a_cells)
        if problem.density is not None:
            rho = given_averages(
                problem.density, self.sphere, problem.metric, axis, self.cell_volume
            )
            return State(np.ascontiguousarray(rho), axis)
        along = law.on(axis) if isinstance(axis, CellAxis) else np.full(axis.count, 1 / axis.count)
        return State(np.ascontiguousarray(self.directions[..., None] * along), axis)

    @cached_property
    def directions(self) -> Array:
        """(2d, n, .., n): the initial law of the directions, per Riemannian volume."""
        average = direction_averages(self.problem.inner_law, self.sphere)
        return average / self.problem.metric.norm ** (self.problem.dimension - 1)

    def _automatic_range(self, a_cells: int, end: float) -> tuple[float, float]:
        """Where a can be for a while: |a(t)| <= max |a0| + t sup |h|; half a cell at least."""
        law = self.problem.outer_law
        low, high = law.reach
        if not self.problem.trains_outer:
            return low, high
        mean_weights = law.mean * self.directions * self.cell_volume
        reach = float(np.abs(self.interaction.respond(mean_weights).h).max()) * min(end, 1.0)
        room = max(reach, 0.1 * max(abs(low), abs(high)), 0.1)
        if law.kind == "normal":  # its far tails are room of their own
            mean, std = law.parameters
            clear = 5.4 * std / max(1 - 4 / a_cells, 0.25)  # of the two cells at each wall
            half = max(NORMAL_REACH * std, room + 3 * std, clear)
            return mean - half, mean + half
        room = max(room, 0.5 * (high - low) / (a_cells - 1))  # half a cell, for atoms
        return low - room, high + room

    def moments(self, state: State) -> Array:
        """(3, 2d, n, .., n): moments over a of orders 0, 1, 2, per unit volume."""
        return self.kernels.moments(state.rho, state.axis.values, state.axis.weight)

    def field(self, state: State, moments: Array | None = None) -> Field:
        """The field of the density as it is now."""
        if moments is None:
            moments = self.moments(state)
        response = self.interaction.respond(moments[1] * self.cell_volume)
        faces: list[Array] = []
        if self.problem.trains_inner:
            faces = self.kernels.face_velocities(
                response.gradient, response.edge_gradient, self.face_weights
            )
        outer = -response.h if self.problem.trains_outer else None
        square = (response.gradient**2).sum(axis=-1) / self.problem.metric.norm**2
        return Field(response.risk, response.h, square, Velocity(faces, outer))

    def rate(self, velocity: Velocity, axis: OuterAxis) -> float:
        """Largest share of a cell that leaves it in unit time (first-order upwind)."""
        low, high = axis.span
        leaving = np.zeros(self.sphere.shape)
        if velocity.faces:
            plus, minus = self.kernels.outflow(velocity.faces, self.volume)
            leaving = np.maximum(max(high, 0.0) * plus, max(-low, 0.0) * minus)
        if velocity.outer is not None:
            leaving = leaving + np.abs(velocity.outer) / axis.weight
        return float(leaving.max())

    def advance(self, state: State, velocity: Velocity, dt: float) -> None:
        """One step of the density under a frozen velocity (SSP-RK2); the clock is the driver's."""
        first, last = SSP_RK2
        if self._middle is None or self._middle.shape != state.rho.shape:
            self._middle = np.empty_like(state.rho)  # kept: a step allocates no field
        middle = self._middle
        self._stage(middle, state.rho, None, first, velocity, dt, state.axis)
        self._stage(state.rho, middle, state.rho, last, velocity, dt, state.axis)

    def euler(self, state: State, velocity: Velocity, dt: float) -> State:
        """A new state one forward-Euler step ahead; `state` stays as it is."""
        rho = np.empty_like(state.rho)
        self._stage(rho, state.rho, None, (0.0, 1.0), velocity, dt, state.axis)
        return State(rho, state.axis, state.time + dt)

    def _stage(
        self,
        out: Array,
        rho: Array,
        base: Array | None,
        weights: tuple[float, float],
        velocity: Velocity,
        dt: float,
        axis: OuterAxis,
    ) -> None:
        self.kernels.transport(
            out,
            rho,
            base,
            weights,
            dt,
            velocity,
            self.volume,
            axis.values,
            axis.cell_width,
            self.scheme,
            self.sphere.connectivity,
        )
