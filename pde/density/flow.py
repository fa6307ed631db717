"""The mean-field continuity equation on a grid of directions times the a axis.

    rho_t = k_a d_a(rho d_a mu) + k_w div_g(rho grad_g mu),   mu = a h + lambda a^2/2 + tau log rho

with h = h(v; m), m(v) = int a rho da. Without noise (tau = 0) the flux along the directions takes
analytic gradients of h; with noise, one difference of mu for drift and diffusion.

A `Flow` binds a problem to a grid and a backend. It gives the field of a density, the velocity that
the field means, the largest stable step, and one step of transport under a frozen velocity. It
keeps no state and no clock: those are `State`'s and the driver's. k_a, k_w are `training.rates`.

The chart says whether the grid lies in the raw directions u or in the whitened v. cell_volume =
Riemannian volume = r^(d-1) x volume; rho x cell_volume x axis.weight sums to 1.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...kernels import Kernels, Velocity
from ...kernels.contract import Grid, Heat, Scheme, Stage, Stencil
from ..geometry import Chart, CubedSphere, Stations
from ..geometry.axis import CellAxis, ListAxis, OuterAxis
from ..geometry.chart import Coordinates
from ..network.data import Samples
from ..network.initial import NORMAL_REACH
from ..network.interaction import (
    Interaction,
    PopulationInteraction,
    SampledInteraction,
)
from ..network.pairs import Way
from ..problem import Problem
from ..rounding import ROUNDING
from ..stepping.tableaux import SSP_RK2, SSP_RK3, Stages, convex
from .field import Felt, Field
from .start import direction_averages, given_averages
from .state import State
from .stencil import stencil

Array = NDArray[np.float64]

STAGES: dict[Scheme, Stages] = {"upwind": SSP_RK2, "muscl": SSP_RK2, "weno": SSP_RK3}


# share of a cell that may leave it in a stage, but for rounding
POSITIVE: dict[Scheme, float] = {"upwind": 1.0, "muscl": 0.5, "weno": 0.5}


def fields_held(scheme: Scheme, noise: bool = False) -> int:
    """Arrays of all cells alive in a step: density and scratch."""
    return 1 + _scratch(scheme, noise)


def _scratch(scheme: Scheme, noise: bool) -> int:
    """Arrays kept beside the density: stages but the last; with noise, those of `stabilised`, which
    are enough for the explicit ones and what leaves each cell.
    """
    return 3 if noise else len(STAGES[scheme]) - 1


class Flow:
    """A problem on a grid.

    problem : what is solved; cells : n, along a panel edge; scheme : of the transport
    kernels : the backend; coordinates : of the directions on the grid, raw or whitened
    way : how the sums of the interaction are done
    """

    def __init__(
        self,
        problem: Problem,
        cells: int,
        scheme: Scheme,
        kernels: Kernels,
        coordinates: Coordinates = "raw",
        way: Way = "auto",
    ) -> None:
        self.problem, self.kernels, self.scheme = problem, kernels, scheme
        self.rounding = ROUNDING[kernels.real]
        self.sphere = CubedSphere(problem.dimension, cells)
        self.chart = Chart(problem.metric, coordinates, problem.induced)
        self.centres = kernels.array(self.sphere.centres)
        self.volume = kernels.array(self.chart.volume(self.sphere))
        self.cell_volume = self.volume * problem.metric.norm ** (problem.dimension - 1)
        self.raw = kernels.array(self.chart.raw(self.sphere.centres))
        self.whitened = kernels.array(self.chart.whitened(self.sphere.centres))
        rate = problem.rates.inner
        weights = self.chart.face_weights(self.sphere)
        self.face_weights = [kernels.array(-rate * w) for w in weights]
        self._kept: list[Array] = []
        stations = Stations(self.sphere)
        self.interaction: Interaction
        if isinstance(problem.data, Samples):
            self.interaction = SampledInteraction(
                problem.activation, problem.loss, self.chart, stations, problem.data, kernels, way
            )
        else:
            assert problem.teacher is not None
            self.interaction = PopulationInteraction(
                problem.activation, self.chart, stations, problem.teacher, kernels, way
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
            volume = self.kernels.host(self.cell_volume)
            rho = given_averages(problem.density, self.sphere, self.chart, axis, volume)
            return State(self.kernels.array(rho, self.kernels.real), axis)
        along = law.on(axis) if isinstance(axis, CellAxis) else np.full(axis.count, 1 / axis.count)
        rho = np.empty((*self.sphere.shape, axis.count), self.kernels.real)
        for panel, share in zip(rho, self.directions, strict=True):
            panel[...] = share[..., None] * along
        return State(self.kernels.array(rho, self.kernels.real), axis)

    @cached_property
    def directions(self) -> Array:
        """(2d, n, .., n): the initial law of the directions, per Riemannian volume."""
        average = direction_averages(self.problem.inner_law, self.sphere, self.chart)
        return average / self.problem.metric.norm ** (self.problem.dimension - 1)

    def _automatic_range(self, a_cells: int, end: float) -> tuple[float, float]:
        """Where a can be for a while: |a(t)| <= max |a0| + k_a t sup |h|; half a cell at least."""
        law = self.problem.outer_law
        low, high = law.reach
        if not self.problem.trains_outer:
            return low, high
        mean_weights = law.mean * self.kernels.array(self.directions) * self.cell_volume
        pace = self.problem.rates.outer * min(end, 1.0)
        reach = float(np.abs(self.interaction.respond(mean_weights).h).max()) * pace
        room = max(reach, 0.1 * max(abs(low), abs(high)), 0.1)
        if law.kind == "normal":  # its far tails are room of their own
            mean, std = law.parameters
            clear = 5.4 * std / max(1 - 4 / a_cells, 0.25)  # of the two cells at each wall
            half = max(NORMAL_REACH * std, room + 3 * std, clear)
            return mean - half, mean + half
        room = max(room, 0.5 * (high - low) / (a_cells - 1))  # half a cell, for atoms
        return low - room, high + room

    def totals(self, values: Array) -> Array:
        """(k,): integrals over the directions of k numbers a cell, (k, 2d, n, .., n)."""
        return self.kernels.totals(values, self.cell_volume)

    def integral(self, values: Array) -> float:
        """Of one number a cell, (2d, n, .., n), on the host."""
        return float(self.totals(values[None])[0])

    def integrals(self, values: Array) -> list[float]:
        """Of k numbers a cell, on the host."""
        return [float(total) for total in self.kernels.host(self.totals(values))]

    def moments(self, state: State) -> Array:
        """(3, 2d, n, .., n): moments over a of orders 0, 1, 2, per unit volume."""
        return self.kernels.moments(state.rho, state.axis.values, state.axis.weight)

    def field(self, state: State, moments: Array | None = None) -> Field:
        """The field of the density as it is now."""
        risk, felt = self.felt(self.moments(state) if moments is None else moments)
        return felt.at_risk(float(risk))

    def felt(self, moments: Array) -> tuple[Array, Felt]:
        """The risk of a density with these moments, one number where h is, and the field."""
        response = self.interaction.respond(moments[1] * self.cell_volume)
        faces: list[Array] = []
        if self.problem.trains_inner:
            faces = self.kernels.face_velocities(
                response.gradient, response.edge_gradient, self.face_weights
            )
        rate = self.problem.rates.outer
        outer = -rate * response.h if self.problem.trains_outer else None
        raised = self.chart.raised(response.gradient, self.centres)
        square = (response.gradient * raised).sum(axis=-1)
        velocity = Velocity(faces, outer, self.problem.ridge, rate)
        return response.risk, Felt(response.h, square, velocity, response.source)

    @cached_property
    def stencil(self) -> Stencil:
        """Coefficients of the gradient of mu."""
        rate, array = self.problem.rates.inner, self.kernels.array
        made = stencil(
            self.sphere,
            [rate * weights for weights in self.chart.face_weights(self.sphere)],
            lambda covector, p: rate * self.chart.raised(covector, p),
        )
        faces = ([array(x) for x in each] for each in (made.cross, made.compact))
        return Stencil(array(made.dual), array(made.speed), *faces)

    def heated(self, velocity: Velocity, h: Array, temperature: float) -> Velocity:
        """The velocity with the noise of that temperature, and the field h that goes with it."""
        heat = Heat(temperature, h, self.stencil) if temperature > 0 else None
        return replace(velocity, heat=heat)

    def grid(self, axis: OuterAxis) -> Grid:
        """The cells of a density on an axis."""
        return Grid(self.volume, axis.values, axis.cell_width, self.sphere.connectivity)

    def rate(self, velocity: Velocity, axis: OuterAxis) -> float:
        """Largest share of a cell that drift takes out of it in unit time (first-order upwind)."""
        return float(self.fastest(replace(velocity, heat=None), axis.span, axis.weight))

    def fastest(self, velocity: Velocity, span: tuple[float, float], weight: float) -> Array:
        """The same of a velocity without noise, as one number where the velocity is."""
        low, high = span
        leaving = np.zeros_like(self.volume)
        if velocity.faces:
            plus, minus = self.kernels.outflow(velocity.faces, self.volume)
            leaving = np.maximum(max(high, 0.0) * plus, max(-low, 0.0) * minus)
        if velocity.outer is not None:
            pull = velocity.outer_rate * velocity.ridge * max(-low, high)
            leaving = leaving + (np.abs(velocity.outer) + pull) / weight
        fastest: Array = leaving.max()
        return fastest

    def diffusion_rate(self, temperature: float, axis: OuterAxis) -> float:
        """Half of the decay rate of the mode that alternates in sign, the fastest, by diffusion."""
        outer = self.problem.rates.outer * 2.0 / axis.weight**2 if self.problem.trains_outer else 0
        return temperature * (self._direction_rate + outer)

    @cached_property
    def _direction_rate(self) -> float:
        """The part of the directions, at temperature 1."""
        total = np.zeros_like(self.volume)
        if self.problem.trains_inner:
            for k, faces in enumerate(self.stencil.compact):
                lines = np.moveaxis(faces, 1 + k, 1)
                total += np.moveaxis(lines[:, 1:] + lines[:, :-1], 1, 1 + k)
        return float((total / self.volume).max())

    def outflow(self, rho: Array, velocity: Velocity, axis: OuterAxis) -> float:
        """Largest share of a cell of a density that leaves it in unit time, noise included."""
        return self.kernels.thermal_outflow(self.scratch(rho)[-1], rho, velocity, self.grid(axis))

    def thermal_dissipation(self, state: State, velocity: Velocity) -> float:
        """int |grad_g mu|^2 drho, each part with its rate."""
        density = self.kernels.thermal_dissipation(state.rho, velocity, self.grid(state.axis))
        return self.integral(density) * state.axis.weight

    def advance(self, state: State, velocity: Velocity, dt: float) -> bool:
        """One step of the density under a frozen velocity; the clock is the driver's.

        Returns whether the step was too long to be taken: with noise the velocity is another one at
        every stage, and where a later one would have to empty a cell, nothing is changed.
        """
        stages = convex(STAGES[self.scheme], self.kernels.real)
        between = self.scratch(state.rho)[: len(stages) - 1]
        now, base = state.rho, None
        for out, weights in zip([*between, state.rho], stages, strict=True):
            if base is not None and self._empties(now, velocity, dt, state.axis):
                return True
            self.stage(out, now, base, weights, velocity, dt, state.axis)
            now, base = out, state.rho
        return False

    def scratch(self, rho: Array) -> list[Array]:
        """Arrays of a density's shape that steps write in, kept: none is made in a step."""
        count = _scratch(self.scheme, not self.problem.temperature.zero)
        if not self._kept or self._kept[0].shape != rho.shape:
            self._kept.clear()  # those of a shorter axis, before the longer ones are made
            self._kept = [np.empty_like(rho) for _ in range(count)]
        return self._kept

    def _empties(self, rho: Array, velocity: Velocity, dt: float, axis: OuterAxis) -> bool:
        """Whether noise would take more out of a cell in a stage than keeps it positive."""
        if velocity.heat is None:
            return False
        return dt * self.outflow(rho, velocity, axis) > POSITIVE[self.scheme] - self.rounding.room

    def euler(self, state: State, velocity: Velocity, dt: float) -> State:
        """A new state one forward-Euler step ahead; `state` stays as it is."""
        rho = np.empty_like(state.rho)
        self.stage(rho, state.rho, None, (0.0, 1.0), velocity, dt, state.axis)
        return State(rho, state.axis, state.time + dt)

    def stage(
        self,
        out: Array,
        rho: Array,
        base: Array | None,
        weights: tuple[float, float],
        velocity: Velocity,
        dt: float,
        axis: OuterAxis,
    ) -> None:
        """One Runge-Kutta stage, out = weights[0] base + weights[1] (rho + dt L(rho))."""
        stage = Stage(self.scheme, dt, weights, base)
        self.kernels.transport(out, rho, stage, velocity, self.grid(axis))
