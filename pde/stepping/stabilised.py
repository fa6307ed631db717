"""One step with noise, past the limit that diffusion sets to explicit stages.

Runge-Kutta-Legendre of second order, L the right-hand side under the frozen velocity:

    Y_1 = Y_0 + m_1 dt L(Y_0)
    Y_j = mu_j Y_(j-1) + nu_j Y_(j-2) + (1 - mu_j - nu_j) Y_0 + m_j dt L(Y_(j-1)) + g_j dt L(Y_0)

s stages reach dt |lambda| = (s^2 + s - 2)/2, the two of an explicit step 2. A Gibbs state, where
L = 0, is kept. Stages are no convex combinations, so none is positive by construction: each is
looked at, and where a cell would fall below 0 (a spike, empty cells beside full ones) the step is
taken over by explicit stages, as short as positivity asks, under the same velocity.
Source: Meyer, Balsara, Aslam, J. Comput. Phys. 257 (2014) 594, with b_0 = b_1 = b_2 = 1/3.
"""

from __future__ import annotations

from ...kernels import Velocity
from ..density.flow import Flow
from ..density.state import State
from .control import StepControl
from .tableaux import legendre


def stabilised(flow: Flow, state: State, velocity: Velocity, dt: float, stages: int) -> bool:
    """Advance the density by `dt`, unless a stage has a negative cell: then nothing is changed.

    Returns whether the step was taken.
    """
    start, axis, combine = state.rho, state.axis, flow.kernels.combine
    now, before, slope = flow.scratch(start)
    first, rows = legendre(stages, flow.kernels.real)
    flow.stage(slope, start, None, (0.0, 1.0), velocity, dt, axis)
    combine(slope, (slope, start), (1.0, -1.0))  # dt L(Y_0)
    combine(now, (slope, start), (first, 1.0))
    before[...] = start
    for mu, nu, m, g in rows:
        if not now.min() >= 0:
            return False
        combine(before, (before, start, slope), (nu, 1 - mu - nu, g))
        flow.stage(before, now, before, (1.0, mu), velocity, m / mu * dt, axis)
        before, now = now, before
    if not now.min() >= 0:
        return False
    start[...] = now
    return True


def explicit(flow: Flow, state: State, velocity: Velocity, dt: float, control: StepControl) -> None:
    """Advance the density by `dt` in as many explicit steps as keep it positive."""
    assert velocity.heat is not None
    axis, left = state.axis, dt
    rates = flow.rate(velocity, axis), flow.diffusion_rate(velocity.heat.temperature, axis)
    longest = control.damped(*rates)
    while left > 0:
        leaving = flow.outflow(state.rho, velocity, axis)
        part = min(longest, control.stable(leaving), left)
        while flow.advance(state, velocity, part):
            part /= 2
        left -= part
