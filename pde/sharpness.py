"""Sharpness: the largest eigenvalue of the operator by which training contracts the prediction.

    H(x, x') = int <grad phi(x), grad phi(x')> drho,   grad in the metric of the flow, rates inside
             = int (k_a m_0 sigma sigma' + k_w m_2 <grad_v sigma, M grad_v sigma'>) dv
    sharpness = largest eigenvalue of  u -> E_x'[H(x, x') l''(f(x'), y') u(x')]

with m_k = int a^k rho da and M the mobility: the Gauss-Newton (tangent kernel) operator. For the
square loss (f - y)' = -H (f - y), and a gradient step of length dt contracts while
dt x sharpness < 2. A ridge would add to it and is left out: this is the curvature of the risk.

The eigenvalue is found among "loads", changes of the outer measure int a rho da. A load l changes
the network by f_l and the field by z = Q l = (E[l'' f_l sigma], its gradient); a field makes the
flow move the load W z. So H = Q W, and over the Krylov space of W Q

    sharpness = max <z, W z> / <l, z>,   <l, z> = E[l'' f_l^2],   <z, W z> : dissipation of z

(Rayleigh-Ritz; Lanczos, J. Res. NBS 45 (1950) 255). On a grid both forms are sums over the cells,
so it is never above the eigenvalue of the cells as neurons, and below by O(h^2): loads go from cell
to cell, and no neuron between them. Source of H: Mei, Misiakiewicz, Montanari, arXiv 1902.06015.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..kernels import Velocity
from ..kernels.contract import Grid, Stage
from .density.flow import Flow
from .problem import Problem

Array = NDArray[np.float64]

TOLERANCE = 1e-5  # relative growth of the eigenvalue that ends the search, seen twice
MOST = 60  # dimensions of the Krylov space
LOST = 1e-12  # of the square norm of a new load: what is left of it is rounding


class Tangent(Protocol):
    """H by its factors; loads and fields are arrays of one shape each."""

    def start(self) -> Array:
        """A load that is orthogonal to no mode."""
        ...

    def field(self, load: Array) -> Array:
        """Q."""
        ...

    def load(self, field: Array) -> Array:
        """W."""
        ...

    def pairing(self, load: Array, field: Array) -> float:
        """<load, field>."""
        ...

    def form(self, one: Array, other: Array) -> float:
        """<one, W other>."""
        ...


def has_tangent(problem: Problem) -> bool:
    """Whether H is bounded: not where the places of jumps are trained."""
    return not (problem.trains_inner and problem.activation.name == "step")


def largest_eigenvalue(tangent: Tangent) -> float:
    """By Rayleigh-Ritz over a Krylov space that grows until the eigenvalue does no more."""
    loads: list[Array] = []
    fields: list[Array] = []
    forms = np.zeros((MOST, MOST))
    load, before, settled = tangent.start(), 0.0, 0
    for size in range(1, MOST + 1):
        field = tangent.field(load)
        whole = tangent.pairing(load, field)
        for _ in range(2):  # twice is enough to be orthogonal to rounding
            for one, its in zip(loads, fields, strict=True):
                share = tangent.pairing(load, its)
                load, field = load - share * one, field - share * its
        left = tangent.pairing(load, field)
        if not left > LOST * whole:
            break
        loads.append(load / left**0.5)
        fields.append(field / left**0.5)
        row = [tangent.form(fields[-1], its) for its in fields]
        forms[size - 1, :size] = forms[:size, size - 1] = row
        value = float(np.linalg.eigvalsh(forms[:size, :size])[-1])
        settled = settled + 1 if value - before <= TOLERANCE * value else 0
        before = value
        if settled == 2:
            break
        load = tangent.load(fields[-1])
    return before


class GridTangent:
    """H of a density on a grid.

    flow, moments : of the density. Loads are (2d, n, .., n), of cells; fields are flat: h, its
    gradient at the centres, and on panel edges
    """

    def __init__(self, flow: Flow, moments: Array) -> None:
        self.flow, self.moments = flow, moments
        self.respond = flow.interaction.linear(moments[1] * flow.cell_volume)
        self.rates = flow.problem.rates

    def start(self) -> Array:
        """Noise, the same every time."""
        noise = np.random.Generator(np.random.Philox(0)).standard_normal(self.flow.sphere.shape)
        return self.flow.kernels.array(noise) * self.flow.cell_volume

    def field(self, load: Array) -> Array:
        """Q."""
        made = self.respond(load)
        parts = (made.h, made.gradient, made.edge_gradient)
        return np.concatenate([part.ravel() for part in parts])

    def load(self, field: Array) -> Array:
        """W: k_a m_0 h - div(k_w m_2 grad_g h), over the cells."""
        flow, problem = self.flow, self.flow.problem
        h, gradient, edges = self._parts(field)
        load = np.zeros_like(flow.volume)
        if problem.trains_outer:
            load += self.rates.outer * self.moments[0] * h
        if problem.trains_inner:
            faces = flow.kernels.face_velocities(gradient, edges, flow.face_weights)
            before = flow.kernels.array(self.moments[2][..., None])
            after = np.empty_like(before)
            grid = Grid(flow.volume, np.ones(1), None, flow.sphere.connectivity)
            euler = Stage("upwind", 1.0)
            flow.kernels.transport(after, before, euler, Velocity(faces, None), grid)
            load += (before - after)[..., 0]
        return load * flow.cell_volume

    def pairing(self, load: Array, field: Array) -> float:
        """E[l'' f f'] of two loads, the second by its field."""
        return float(self.flow.kernels.totals(load[None], field[: load.size])[0])

    def form(self, one: Array, other: Array) -> float:
        """The dissipation's bilinear form, by the gradients at the centres."""
        flow, problem = self.flow, self.flow.problem
        (h, gradient, _), (other_h, other_gradient, _) = self._parts(one), self._parts(other)
        rate = np.zeros_like(flow.volume)
        if problem.trains_outer:
            rate += self.rates.outer * self.moments[0] * h * other_h
        if problem.trains_inner:
            raised = flow.chart.raised(other_gradient, flow.centres)
            slope = np.einsum("...d,...d->...", gradient, raised)
            rate += self.rates.inner * self.moments[2] * slope
        return flow.integral(rate)

    def _parts(self, field: Array) -> tuple[Array, Array, Array]:
        """h (2d, n, .., n), gradient (.., d), and the slabs of the gradient on panel edges."""
        shape, d = self.flow.sphere.shape, self.flow.problem.dimension
        cells = int(np.prod(shape))
        h, gradient, edges = np.split(field, [cells, cells * (1 + d)])
        slabs = (shape[0], d - 1, 2, *shape[2:], d)
        return h.reshape(shape), gradient.reshape(*shape, d), edges.reshape(slabs)


def sharpness(flow: Flow, moments: Array) -> float:
    """Of a density on a grid; NaN where H is not bounded."""
    if not has_tangent(flow.problem):
        return float("nan")
    return largest_eigenvalue(GridTangent(flow, moments))
