"""The stationary state of noisy training, by self-consistency and without the flow.

    rho = exp(-(a h[rho] + lambda a^2/2)/tau) / Z

Z normalises what the flow conserves: all of the mass where w and a are trained, the mass at every
value of a where w alone is, the mass of every direction where a alone is. F is strictly convex at
tau > 0, so there is one such state. The iteration is damped,

    h <- h + theta r,   r = h[Gibbs(h)] - h,   theta = -<dh, dr>/<dr, dr>,   at most 1

d of the last step. The more mass a field gathers the more it turns itself, so r falls along h with
slopes from 1 to a stiff one; theta is a mean of their inverses, and no mode swings for ever. On one
grid the flow and this iteration have the same limit, since the flow's flux keeps a discrete Gibbs
state exactly; between grids they agree to second order.
Sources: Mei, Montanari, Nguyen, PNAS 115 (2018) E7665 (Gibbs form of the fixed points); Barzilai,
Borwein, IMA J. Numer. Anal. 8 (1988) 141 (theta).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import Kernels
from ..kernels.errors import InputError, NumericalFailure
from .density.flow import Flow
from .density.state import State
from .diagnostics import entropy, wall_mass
from .geometry.axis import CellAxis
from .stepping.control import norm

Array = NDArray[np.float64]

WALL = 1e-9  # mass in the outermost cells of a, above which the axis is extended
EXTENSION = 0.25  # of the cells of a, added at both ends
HELD = 6  # densities in memory at once: two states, and what makes a Gibbs state
REACH = 6.0  # standard deviations of the normal law of a at one direction: WALL of it is beyond


@dataclass(frozen=True)
class Stationary:
    """state : the density, at time 0 of its own clock; temperature : its tau
    risk, free_energy : R and F of it
    iterations : taken; residual : relative mismatch of h, in the 2-norm.
    """

    state: State = field(repr=False)
    temperature: float
    risk: float
    free_energy: float
    iterations: int
    residual: float

    @property
    def a(self) -> Array:
        """(n_a,): the axis of outer weights."""
        return self.state.axis.values

    @property
    def density(self) -> Array:
        """(2d, n, .., n, n_a): per Riemannian volume and unit a (per value, on a list)."""
        return self.state.rho


def stationary_state(
    flow: Flow,
    start: State,
    temperature: float | None = None,
    *,
    tolerance: float = 1e-12,
    most: int = 20_000,
) -> Stationary:
    """The stationary state on a flow's grid.

    start : gives what is conserved and the axis of a, which is extended where it is too short
    temperature : tau; the flow's own, at the start's time, where left out
    tolerance : of the mismatch; most : iterations

    Raises InputError where there is no such state, NumericalFailure where it is not reached.
    """
    tau = flow.problem.temperature.at(start.time) if temperature is None else temperature
    if not tau > 0:
        raise InputError(f"temperature = {tau:g} has no Gibbs state; give one > 0")
    if flow.problem.trains_outer and not flow.problem.ridge:
        raise InputError(
            "training.ridge = 0.0 and a is trained: noise spreads a for ever, and there is no "
            "stationary state; give a ridge > 0"
        )
    if flow.problem.trains_outer:
        spread = (tau / flow.problem.ridge) ** 0.5
        _refuse_large(flow, start, 2 * REACH * spread / start.axis.weight, tau)
    state = State(start.rho.copy(), start.axis)
    while True:
        found = _iterated(flow, state, tau, tolerance, most)
        axis = found.state.axis
        if not (flow.problem.trains_outer and isinstance(axis, CellAxis)):
            return found
        if max(wall_mass(flow, found.state)) < WALL:
            return found
        added = int(np.ceil(EXTENSION * axis.count))
        _refuse_large(flow, found.state, axis.count + 2 * added, tau)
        rho = flow.kernels.regrid(found.state.rho, added, added)
        state = State(rho, axis.extended(added, added))


def _refuse_large(flow: Flow, state: State, cells: float, tau: float) -> None:
    """Say that so many cells of a do not fit, before they are made."""
    if HELD * (state.rho.nbytes // state.axis.count) * cells > flow.kernels.memory():
        raise InputError(
            f"temperature = {tau:g} spreads a over {cells:.3g} cells of width "
            f"{state.axis.weight:.3g}, which do not fit in memory; give a lower one, or fewer "
            "solver.a_cells, which are then wider"
        )


def gibbs(flow: Flow, state: State, h: Array, temperature: float) -> Array:
    """The density exp(-Psi/tau) of a field h, with the conserved masses of a state."""
    a, problem = flow.kernels.array(state.axis.values), flow.problem
    log = -(h[..., None] * a + 0.5 * problem.ridge * a**2) / temperature
    everywhere = tuple(range(log.ndim))
    over = everywhere if problem.trains_inner and problem.trains_outer else everywhere[:-1]
    over = over if problem.trains_inner else everywhere[-1:]
    measure: Any = flow.cell_volume[..., None] if problem.trains_inner else 1.0
    rho: Array = np.exp(log - log.max(axis=over, keepdims=True))
    mass = (state.rho * measure).sum(axis=over, keepdims=True)
    rho *= mass / (rho * measure).sum(axis=over, keepdims=True)
    return rho


def _found(flow: Flow, state: State, tau: float, iterations: int, residual: float) -> Stationary:
    """The state with its energies."""
    moments = flow.moments(state)
    risk = flow.field(state, moments).risk
    penalty = 0.5 * flow.problem.ridge * flow.integral(moments[2])
    energy = risk + penalty + tau * entropy(flow, state)
    return Stationary(state, tau, risk, energy, iterations, residual)


def _iterated(flow: Flow, state: State, tau: float, tolerance: float, most: int) -> Stationary:
    """Damped iterations until the field is that of its own Gibbs state."""
    h, volume = flow.field(state).h, flow.volume
    step = before = np.zeros_like(h)
    for iteration in range(1, most + 1):
        now = State(gibbs(flow, state, h, tau), state.axis)
        answer = flow.field(now).h
        miss = answer - h
        off, size = (norm(flow.kernels, field, volume) for field in (miss, answer))
        residual = off / max(size, 1e-300)
        if residual <= tolerance:
            return _found(flow, now, tau, iteration, residual)
        step = _damping(flow.kernels, step, miss - before, volume) * miss
        h, before = h + step, miss
    raise NumericalFailure(
        f"no stationary state within {tolerance:g} after {most} iterations (mismatch "
        f"{residual:.2g}); give a larger tolerance or temperature"
    )


def _damping(kernels: Kernels, step: Array, change: Array, volume: Array) -> float:
    """theta, after a step of h that changed the mismatch so; 1 at the start."""
    turned = -float(kernels.totals((volume * step)[None], change)[0])
    square = max(norm(kernels, change, volume) ** 2, 1e-300)
    return min(1.0, turned / square) if turned > 0 else 1.0
