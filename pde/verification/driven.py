"""The whole equation with a source: a manufactured density marched by the solver's own operators.

    stage 1:  rho_1     = rho + dt (L(rho) + S(t))
    stage 2:  rho_(n+1) = rho/2 + (rho_1 + dt (L(rho_1) + S(t + dt)))/2             (SSP-RK2)

L is what a step does: moments, interaction, face velocities, limited transport, at the field of its
own stage. The source enters by cell averages. On the circle; see `exact.manufactured`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from ..config import load_config
from ..density.state import State
from ..exact import Manufactured
from ..session import Session

Array = NDArray[np.float64]

CFL = 0.4  # the field of a stage is not known before
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
    flow, state = session.flow, session.initial_state()
    angles = np.arctan2(flow.sphere.centres[..., 1], flow.sphere.centres[..., 0])
    average = _Average(angles, flow.sphere.spacing, state.axis.values, state.axis.weight)
    state = State(average(exact.density, 0.0), state.axis)
    while state.time < time:
        field = flow.field(state)
        dt = min(CFL / flow.rate(field.velocity, state.axis), time - state.time)
        one = flow.euler(state, field.velocity, dt)
        one.rho += dt * average(exact.source, state.time)
        two = flow.euler(one, flow.field(one).velocity, dt)
        two.rho += dt * average(exact.source, state.time + dt)
        now = time if dt >= time - state.time else state.time + dt
        state = State(0.5 * (state.rho + two.rho), state.axis, now)
    weight = flow.cell_volume[..., None] * state.axis.weight
    truth = average(exact.density, time)
    moments = flow.moments(state) * flow.cell_volume
    mean = (moments[0][..., None] * flow.sphere.centres).sum(axis=(0, 1))
    return Off(
        float((np.abs(state.rho - truth) * weight).sum()),
        abs(flow.field(state).risk - exact.risk(time)),
        float(np.linalg.norm(mean - exact.direction(time))),
        abs(float(moments[1].sum()) - exact.mean(time)),
    )


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
        "time": {"end": end},
        "run": {"backend": backend},
    }


class _Average:
    """Averages of f(phi, a, t) over the cells of a grid of arcs times a cells."""

    def __init__(self, angles: Array, arc: float, a: Array, width: float) -> None:
        nodes, weights = leggauss(NODES)
        self.angles = angles[..., None] + 0.5 * arc * nodes
        self.a = a[:, None] + 0.5 * width * nodes
        self.weights: Array = weights / 2

    def __call__(self, function: object, t: float) -> Array:
        """(4, n, n_a)."""
        assert callable(function)
        values = function(self.angles, self.a, t)
        return np.ascontiguousarray(np.einsum("pniaj,i,j->pna", values, self.weights, self.weights))
