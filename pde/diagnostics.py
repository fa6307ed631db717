"""Audits of a density: what must hold, and what a reader wants to know, at every saved time.

    mass = int rho,   F = R + lambda/2 int a^2 drho + tau int rho log rho dvol_g da
    D = int (k_a (d_a mu)^2 + k_w |grad_g mu|^2) drho,   mu = a h + lambda a^2/2 + tau log rho
    dissipation defect(t) = |F(0) - F(t) - int_0^t D ds| / (F(0) - F(t))
    entropy = int rho log rho dvol_g da
    stationarity = int ((d_a mu)^2 + |grad_g mu|^2) drho, of what is trained; the rates left out
    displacement(t) = int_0^t (int |velocity|_g^2 drho)^(1/2) ds  >=  W2(rho(0), rho(t))
    sign_changed_mass(t) = int_0^t int |flux through a = 0| dvol_g ds
    certificate = int a h drho + A sup |h|  >=  R - R(rho*)   for every rho* with int |a| drho* <= A

dF/dt = -D, and + tau' entropy where tau depends on time. Without noise D is of moments of a. W2 is
of the flow's metric (Benamou and Brenier 2000: its square is the least action). The certificate is
R(rho*) >= R + int Psi d(rho* - rho), for convex losses; sup over the cell centres. Mass that comes
back through a = 0 counts twice.
At tau = 0 the limit is a measure: `unresolved_mass` is the mass in ridges below three cells wide,
where a density plot is not to be trusted (risk and moments still are).
Source: Ma and Ying, arXiv 2110.08725 (dissipation along the flow).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .density.field import Felt, Field
from .density.flow import Flow
from .density.state import State
from .geometry.axis import CellAxis, OuterAxis
from .network.data import Population
from .problem import Rates
from .rounding import ROUNDING
from .stepping.loop import balance_defect

Array = NDArray[np.float64]

NARROW = 0.73  # neighbours / (2 x centre) of a Gaussian ridge of three cells' width at half height
TRACE_MASS = 1e-9  # of the mass: less than this in a column of a does not count as reached


@dataclass(frozen=True)
class Slopes:
    """Mean squares of d_a mu and grad_g mu, of what is trained; rates : of both layers."""

    outer: float
    inner: float
    rates: Rates

    @property
    def dissipation(self) -> float:
        """D = -dF/dt along the flow."""
        return self.rates.outer * self.outer + self.rates.inner * self.inner

    @property
    def speed(self) -> float:
        """Root mean square velocity, in the metric: the speed of rho in W2."""
        square = self.rates.outer**2 * self.outer + self.rates.inner**2 * self.inner
        return float(square**0.5)

    @property
    def stationarity(self) -> float:
        """Both together."""
        return self.outer + self.inner


def slopes(flow: Flow, field: Field, moments: Array, state: State | None = None) -> Slopes:
    """What drives the density; what is not trained has no part in it.

    state : of the density, whose logarithm counts where there is noise
    """
    problem, rates = flow.problem, flow.problem.rates
    tau = 0.0 if state is None else problem.temperature.at(state.time)
    if state is not None and tau > 0:
        heated = flow.heated(field.velocity, field.h, tau)
        outer = flow.thermal_dissipation(state, replace(heated, faces=[])) / rates.outer
        inner = flow.thermal_dissipation(state, replace(heated, outer=None)) / rates.inner
        return Slopes(outer, inner, rates)
    outer, inner = map(float, mean_squares(flow, field, moments))
    return Slopes(outer, inner, rates)


def mean_squares(flow: Flow, field: Felt, moments: Array) -> tuple[Array, Array]:
    """Of d_a Psi and grad_g Psi, without noise: two numbers, where the field is."""
    problem = flow.problem
    squares = np.zeros_like(moments[:2])
    if problem.trains_outer:
        squares[0] += field.h**2 * moments[0]
        if ridge := problem.ridge:
            squares[0] += ridge * (2 * field.h * moments[1] + ridge * moments[2])
    if problem.trains_inner:
        squares[1] += field.slope_square * moments[2]
    totals = flow.totals(squares)
    return totals[0], totals[1]


def dissipation(flow: Flow, field: Field, moments: Array, state: State | None = None) -> float:
    """D = -dF/dt along the flow."""
    return slopes(flow, field, moments, state).dissipation


def sign_flux(flow: Flow, state: State, field: Field) -> float:
    """Mass that passes a = 0 in unit time, whichever way; rho there between two cells."""
    tau = flow.problem.temperature.at(state.time)
    return float(passing(flow, state.rho, state.axis, field.h, tau))


def passing(flow: Flow, rho: Array, axis: OuterAxis, h: Array, tau: float = 0.0) -> Array:
    """The same as one number where the density is."""
    problem, place = flow.problem, int(np.searchsorted(axis.values, 0.0)) - 1
    if not (problem.trains_outer and isinstance(axis, CellAxis) and 0 <= place < axis.count - 1):
        return np.zeros_like(h.reshape(-1)[0])
    share = -axis.values[place] / axis.width
    low, high = rho[..., place], rho[..., place + 1]
    flux = h * ((1 - share) * low + share * high)
    if tau:
        flux = flux + tau * (high - low) / axis.width
    through: Array = problem.rates.outer * flow.totals(np.abs(flux)[None])[0]
    return through


def columns(flow: Flow, state: State) -> Array:
    """(4, 2d, n, .., n): what one reading of the density tells, see `Kernels.column_audits`."""
    return flow.kernels.column_audits(state.rho, state.axis.values)


def certificate(
    flow: Flow, state: State, field: Field, moments: Array, read: Array | None = None
) -> tuple[float, float]:
    """The bound on R - R(rho*), and the A that it is for. read : `columns`, where they are known

    A is that of the teacher, where the network can represent it; else the network's own.
    """
    size = flow.problem.teacher_size
    if size is None:
        sizes = (columns(flow, state) if read is None else read)[2]
        size = flow.integral(sizes) * state.axis.weight
    aligned = flow.integral(field.h * moments[1])
    return aligned + size * float(np.abs(field.h).max()), size


def free_energy(
    flow: Flow, state: State, field: Field, moments: Array, read: Array | None = None
) -> float:
    """F, at the temperature of the state's time. read : `columns`, where they are known"""
    energy, tau = field.risk, flow.problem.temperature.at(state.time)
    if ridge := flow.problem.ridge:
        energy += 0.5 * ridge * flow.integral(moments[2])
    return energy + tau * entropy(flow, state, read) if tau > 0 else energy


def defect(state: State, energy: float, noise: float = ROUNDING["float64"].noise) -> float:
    """Relative error of the integrated energy balance; NaN before the energy has fallen."""
    return balance_defect(state.start_energy, energy, state.dissipated, noise)


def wall_mass(flow: Flow, state: State) -> tuple[float, float]:
    """Mass in the two outermost a cells at the low and at the high wall."""
    low, high = map(float, at_walls(flow, state.rho, state.axis))
    return low, high


def at_walls(flow: Flow, rho: Array, axis: OuterAxis) -> tuple[Array, Array]:
    """The same as numbers where the density is."""
    ends = [end.sum(axis=-1, dtype=np.float64) for end in (rho[..., :2], rho[..., -2:])]
    totals = flow.totals(np.stack(ends)) * axis.weight
    return totals[0], totals[1]


def audit(flow: Flow, state: State, field: Field, moments: Array) -> dict[str, float | Array]:
    """Every diagnostic of a saved time, by name; NaN where one is not defined."""
    cell_mass = flow.cell_volume * moments
    mass, mean, second = flow.integrals(moments)
    along = flow.kernels.host(_along_a(flow, state)) * state.axis.weight
    reached = np.abs(state.axis.values[along > TRACE_MASS])
    known = isinstance(flow.problem.data, Population)
    v = flow.whitened.reshape(-1, flow.problem.dimension)
    read = columns(flow, state)
    energy = free_energy(flow, state, field, moments, read)
    driving = slopes(flow, field, moments, state)
    bound, size = certificate(flow, state, field, moments, read)
    values: dict[str, float | Array] = {
        "risk": field.risk,
        "test_risk": flow.interaction.test_risk(cell_mass[1]),
        "population_risk": field.risk if known else float("nan"),
        "free_energy": energy,
        "entropy": entropy(flow, state, read),
        "mass": mass,
        "min_density": float(read[0].min()),
        "dissipation": driving.dissipation,
        "dissipation_defect": defect(state, energy, flow.rounding.noise),
        "stationarity": driving.stationarity,
        "certificate": bound,
        "certificate_size": size,
        "sharpness": state.critical.sharpness,
        "critical_steps": state.critical.steps,
        "sign_changed_mass": state.sign_changed,
        "displacement": state.length,
        "sup_h": float(np.abs(field.h).max()),
        "a_mean": mean,
        "a_second_moment": second,
        "a_max": float(reached.max()) if len(reached) else float("nan"),
        "weight_norm": flow.problem.metric.norm,
        "wall_mass": sum(wall_mass(flow, state)) if flow.problem.trains_outer else 0.0,
        "unresolved_mass": unresolved_mass(flow, state),
        "w_second_moment": flow.kernels.host((v * cell_mass[0].reshape(-1, 1)).T @ v),
    }
    return values


def _along_a(flow: Flow, state: State) -> Array:
    """(n_a,): integral over the directions."""
    parts = [
        np.tensordot(volume, cells, volume.ndim)
        for volume, cells in zip(flow.cell_volume, panels(state.rho), strict=True)
    ]
    total: Array = np.stack(parts).sum(axis=0)
    return total


def entropy(flow: Flow, state: State, read: Array | None = None) -> float:
    """int rho log rho dvol_g da (0 log 0 = 0). read : `columns`, where they are known"""
    sums = (columns(flow, state) if read is None else read)[1]
    return flow.integral(sums * state.axis.weight)


def panels(rho: Array) -> Iterator[Array]:
    """A density panel by panel, in 64 bits: no temporary of the whole, no sum in 32 bits."""
    return (panel.astype(np.float64, copy=False) for panel in rho)


def unresolved_mass(flow: Flow, state: State) -> float:
    """Mass in cells that stand out from both neighbours along an axis as a ridge too narrow.

    Cells next to a panel edge or a wall are judged along the other axes alone.
    """
    along_a = state.axis.cell_width is not None
    narrow = flow.kernels.narrow_columns(state.rho, NARROW, along_a=along_a)
    return flow.integral(narrow) * state.axis.weight
