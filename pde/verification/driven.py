"""The whole equation with a source: a manufactured density marched by the solver's own operators.

    stage 1:  rho_1     = rho + dt (L(rho) + S(t))
    stage 2:  rho_(n+1) = rho/2 + (rho_1 + dt (L(rho_1) + S(t + dt)))/2             (SSP-RK2)

L is what a step does: moments, interaction, face velocities, limited transport, or with noise the
one flux of drift and diffusion, at the field of its own stage. The source enters by cell averages.
On the circle; see `exact.manufactured`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from ...kernels import Velocity
from ..config import load_config
from ..density.field import Field
from ..density.flow import Flow
from ..density.state import State
from ..exact import Manufactured
from ..exact.manufactured import Term
from ..geometry.axis import OuterAxis
from ..session import Session
from ..stepping.control import StepControl

Array = NDArray[np.float64]

CONTROL = StepControl(cfl=0.4, tolerance=1.0)  # the field of a stage is not known before
A_RANGE = (-1.7, 2.5)  # mean 0.4 .. 0.7, six standard deviations and more
NODES = 4


@dataclass(frozen=True)
class Off:
    """Distances from the exact answer.

    density : L1; risk : |R - R*|; direction : |<u> - <u>*|, a : |<a> - <a>*|
    """

    density: float
    risk: float
    direction: float
    a: float


def march(exact: Manufactured, activation: str, cells: int, time: float, backend: str) -> Off:
    """March cells x cells from the exact start to `time`, and compare."""
    session = Session.prepare(load_config(_config(exact, activation, cells, time, backend)))
    flow, state, array = session.flow, session.initial_state(), session.flow.kernels.array
    angles = np.arctan2(flow.sphere.centres[..., 1], flow.sphere.centres[..., 0])
    average = _Average(angles, flow.sphere.spacing, state.axis.values, state.axis.weight)
    state = State(array(average(exact.factors, 0.0)), state.axis)
    while state.time < time:
        field = flow.field(state)
        dt = min(_step(flow, field, state.axis, exact.temperature), time - state.time)
        one = flow.euler(state, _heated(flow, field, exact.temperature), dt)
        one.rho += dt * array(average(exact.terms, state.time))
        two = flow.euler(one, _heated(flow, flow.field(one), exact.temperature), dt)
        two.rho += dt * array(average(exact.terms, state.time + dt))
        now = time if dt >= time - state.time else state.time + dt
        state = State(0.5 * (state.rho + two.rho), state.axis, now)
    weight = flow.cell_volume[..., None] * state.axis.weight
    truth = array(average(exact.factors, time))
    moments = flow.moments(state) * flow.cell_volume
    mean = flow.kernels.host((moments[0][..., None] * flow.centres).sum(axis=(0, 1)))
    return Off(
        float((np.abs(state.rho - truth) * weight).sum()),
        abs(flow.field(state).risk - exact.risk(time)),
        float(np.linalg.norm(mean - exact.direction(time))),
        abs(float(moments[1].sum()) - exact.mean(time)),
    )


def _heated(flow: Flow, field: Field, temperature: float) -> Velocity:
    return flow.heated(field.velocity, field.h, temperature)


def _step(flow: Flow, field: Field, axis: OuterAxis, temperature: float) -> float:
    noise = flow.diffusion_rate(temperature, axis) if temperature else 0.0
    return CONTROL.damped(flow.rate(field.velocity, axis), noise)


def _config(
    exact: Manufactured, activation: str, cells: int, end: float, backend: str
) -> dict[str, object]:
    moving = [name for name, on in (("w", exact.inner), ("a", exact.outer)) if on]
    return {
        "network": {"activation": activation, "train": moving, "weight_norm": exact.norm},
        "data": {"covariance": list(exact.variances)},
        "target": {"weights": exact.weights.tolist(), "angles": exact.angles.tolist()},
        "initial": {"a": {"kind": "normal", "mean": 0.4, "std": 0.2}},  # is replaced
        "solver": {"cells": cells, "a_cells": cells, "a_range": list(A_RANGE)},
        "training": {"ridge": exact.ridge, "temperature": exact.temperature},
        "time": {"end": end},
        "run": {"backend": backend},
    }


class _Average:
    """Averages of sums of products P(phi) Q(a) over the cells of a grid of arcs times a cells."""

    def __init__(self, angles: Array, arc: float, a: Array, width: float) -> None:
        nodes, weights = leggauss(NODES)
        self.angles = angles[..., None] + 0.5 * arc * nodes
        self.a = a[:, None] + 0.5 * width * nodes
        self.weights: Array = weights / 2

    def __call__(self, terms: Callable[[Array, Array, float], list[Term]], t: float) -> Array:
        """(4, n, n_a)."""
        pairs = terms(self.angles, self.a, t)
        along, across = (np.stack(each) @ self.weights for each in zip(*pairs, strict=True))
        return np.ascontiguousarray(np.einsum("jpn,ja->pna", along, across))
