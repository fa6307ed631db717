"""Audits of a density: what must hold, and what a reader wants to know, at every saved time.

    mass = int rho,   F = R + lambda/2 int a^2 drho + tau int rho log rho dvol_g da
    D = int (k_a (d_a mu)^2 + k_w |grad_g mu|^2) drho,   mu = a h + lambda a^2/2 + tau log rho
    dissipation defect(t) = |F(0) - F(t) - int_0^t D ds| / (F(0) - F(t))
    entropy = int rho log rho dvol_g da

dF/dt = -D, and + tau' entropy where tau depends on time. Without noise D is of moments of a.
At tau = 0 the limit is a measure: `unresolved_mass` is the mass in ridges below three cells wide,
where a density plot is not to be trusted (risk and moments still are).
Source: Ma and Ying, arXiv 2110.08725 (dissipation along the flow).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .density.field import Field
from .density.flow import Flow
from .density.state import State
from .network.data import Population
from .stepping.loop import balance_defect

Array = NDArray[np.float64]

NARROW = 0.73  # neighbours / (2 x centre) of a Gaussian ridge of three cells' width at half height
ROUNDING = 1e-12  # of the energy: a smaller fall is noise
TRACE_MASS = 1e-9  # of the mass: less than this in a column of a does not count as reached


def dissipation(flow: Flow, field: Field, moments: Array, state: State | None = None) -> float:
    """D = -dF/dt along the flow; what is not trained has no part in it.

    state : of the density, whose logarithm counts where there is noise
    """
    tau = 0.0 if state is None else flow.problem.temperature.at(state.time)
    if state is not None and tau > 0:
        return flow.thermal_dissipation(state, flow.heated(field.velocity, field.h, tau))
    rate = np.zeros_like(field.h)
    if flow.problem.trains_outer:
        rate += flow.problem.rates.outer * field.h**2 * moments[0]
        if ridge := flow.problem.ridge:
            pull = 2 * field.h * moments[1] + ridge * moments[2]
            rate += flow.problem.rates.outer * ridge * pull
    if flow.problem.trains_inner:
        rate += flow.problem.rates.inner * field.slope_square * moments[2]
    return float((rate * flow.cell_volume).sum())


def free_energy(flow: Flow, state: State, field: Field, moments: Array) -> float:
    """F, at the temperature of the state's time."""
    energy, tau = field.risk, flow.problem.temperature.at(state.time)
    if ridge := flow.problem.ridge:
        energy += 0.5 * ridge * float((moments[2] * flow.cell_volume).sum())
    return energy + tau * entropy(flow, state) if tau > 0 else energy


def defect(state: State, energy: float) -> float:
    """Relative error of the integrated energy balance; NaN before the energy has fallen."""
    return balance_defect(state.start_energy, energy, state.dissipated)


def wall_mass(flow: Flow, state: State) -> tuple[float, float]:
    """Mass in the two outermost a cells at the low and at the high wall."""
    weight = flow.cell_volume[..., None] * state.axis.weight
    low, high = state.rho[..., :2], state.rho[..., -2:]
    return float((low * weight).sum()), float((high * weight).sum())


def audit(flow: Flow, state: State, field: Field, moments: Array) -> dict[str, float | Array]:
    """Every diagnostic of a saved time, by name; NaN where one is not defined."""
    cell_mass = flow.cell_volume * moments
    along = flow.cell_volume.ravel() @ state.rho.reshape(-1, state.axis.count) * state.axis.weight
    reached = np.abs(state.axis.values[along > TRACE_MASS])
    known = isinstance(flow.problem.data, Population)
    v = flow.whitened.reshape(-1, flow.problem.dimension)
    energy = free_energy(flow, state, field, moments)
    values: dict[str, float | Array] = {
        "risk": field.risk,
        "test_risk": flow.interaction.test_risk(cell_mass[1]),
        "population_risk": field.risk if known else float("nan"),
        "free_energy": energy,
        "entropy": entropy(flow, state),
        "mass": float(cell_mass[0].sum()),
        "min_density": float(state.rho.min()),
        "dissipation": dissipation(flow, field, moments, state),
        "dissipation_defect": defect(state, energy),
        "sup_h": float(np.abs(field.h).max()),
        "a_mean": float(cell_mass[1].sum()),
        "a_second_moment": float(cell_mass[2].sum()),
        "a_max": float(reached.max()) if len(reached) else float("nan"),
        "weight_norm": flow.problem.metric.norm,
        "wall_mass": sum(wall_mass(flow, state)) if flow.problem.trains_outer else 0.0,
        "unresolved_mass": unresolved_mass(flow, state),
        "w_second_moment": (v * cell_mass[0].reshape(-1, 1)).T @ v,
    }
    return values


def entropy(flow: Flow, state: State) -> float:
    """int rho log rho dvol_g da (0 log 0 = 0)."""
    log = np.log(np.where(state.rho > 0, state.rho, 1.0))
    per_direction = np.einsum("...i,...i->...", state.rho, log) * state.axis.weight
    return float((per_direction * flow.cell_volume).sum())


def unresolved_mass(flow: Flow, state: State) -> float:
    """Mass in cells that stand out from both neighbours along an axis as a ridge too narrow.

    Cells next to a panel edge or a wall are judged along the other axes alone.
    """
    rho = state.rho
    axes = list(range(1, rho.ndim - 1)) + ([rho.ndim - 1] if state.axis.cell_width else [])
    narrow = np.zeros(rho.shape, bool)
    for axis in axes:
        lines, marks = np.moveaxis(rho, axis, 0), np.moveaxis(narrow, axis, 0)
        low, centre, high = lines[:-2], lines[1:-1], lines[2:]
        ridge = (centre > low) & (centre > high) & (low + high < 2 * NARROW * centre)
        marks[1:-1] |= ridge
    mass = np.where(narrow, rho, 0.0).sum(axis=-1) * state.axis.weight
    return float((mass * flow.cell_volume).sum())
