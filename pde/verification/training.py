"""Checks of whole trainings: against a linear ODE, neurons, a manufactured density, and themselves.

All on the plane, in seconds. Refinement is joint: cells, a cells, and tolerance ~ h^2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import exact
from ..config import load_config
from ..frame import Frame
from ..session import prepare
from .check import Finding, at_least, at_most
from .driven import march
from .transport import orders

Array = NDArray[np.float64]

TIMES = [0.0, 0.5, 1.0, 2.0]
WEIGHTS, ANGLES, VARIANCES = [1.0, -0.5], [0.3, 1.9], [10.0, 1.0]  # of the packaged circle-teacher


@dataclass(frozen=True)
class Trained:
    """Frames of a run, and the risk of every step."""

    frames: list[Frame]
    steps: Array

    def __getitem__(self, name: str) -> Array:
        """A diagnostic at the saved times."""
        return np.array([frame.diagnostics[name] for frame in self.frames], float)


def train(changes: Mapping[str, Any], backend: str) -> Trained:
    """Run the packaged circle-teacher with some keys changed, in memory."""
    keys = {"time.end": TIMES[-1], "time.save": TIMES, "run.backend": backend}
    session = prepare(load_config(None, {**keys, **changes}))
    frames = list(session.driver().frames())
    risks = [frames[0].diagnostics["risk"], *(r for f in frames for r in f.log.get("risk", []))]
    return Trained(frames, np.array(risks, float))


def _size(cells: int, tolerance: float) -> dict[str, Any]:
    return {"solver.cells": cells, "solver.a_cells": cells, "solver.tolerance": tolerance}


def linear(backend: str) -> list[Finding]:
    """Outer weights alone, linear: against the matrix exponential."""
    mean, truth = 0.3, exact.linear_risk(TIMES, VARIANCES, WEIGHTS, ANGLES, 0.3)
    keys = {
        "network.activation": "linear",
        "network.train": ["a"],
        "initial.a": {"kind": "normal", "mean": mean, "std": 0.5},
    }
    errors = [
        float(np.abs(train({**keys, **_size(n, tolerance)}, backend)["risk"] - truth).max())
        / float(truth[0])
        for n, tolerance in ((32, 4e-3), (64, 1e-3))
    ]
    return [at_most("risk's error / R(0)", errors[1], 2e-3), *orders("risk's", errors, 1.7)]


def neurons(backend: str) -> list[Finding]:
    """Everything trained, ReLU, condition 10: against quadrature neurons."""
    field = exact.CircleReluPopulation(np.diag(VARIANCES), WEIGHTS, ANGLES)
    nodes = exact.product_nodes(exact.circle_nodes(192), exact.normal_nodes(0.5, 10, 6))
    truth = exact.integrate(field, *nodes, TIMES, 0.1)
    errors = [
        float(np.abs(train(_size(n, tolerance), backend)["risk"] / truth - 1).max())
        for n, tolerance in ((32, 4e-3), (64, 1e-3))
    ]
    return [at_most("risk's relative error", errors[1], 2e-3), *orders("risk's", errors, 1.7)]


def particles(backend: str) -> list[Finding]:
    """The package's particles on quadrature nodes, against the same integration."""
    field = exact.CircleReluPopulation(np.diag(VARIANCES), WEIGHTS, ANGLES)
    keys = {
        "solver.method": "particles",
        "solver.sampling": "quadrature",
        "solver.width": 300,
        "solver.tolerance": 1e-7,
    }
    run = train(keys, backend)
    first = run.frames[0]
    start = first.fields["direction"][0], first.fields["a"][0]
    mass = np.asarray(prepare(load_config(None, keys)).driver().state.mass)
    truth = exact.integrate(field, *start, mass, TIMES, 0.05)
    return [at_most("risk's error", float(np.abs(run["risk"] - truth).max()), 1e-6)]


def audits(backend: str) -> list[Finding]:
    """What holds along every run, at every step."""
    run = train({**_size(32, 4e-3), "time.cfl": 0.2}, backend)
    rise = float(np.diff(run.steps).max()) / float(run.steps[0])
    return [
        at_most("mass drift", float(np.abs(run["mass"] - 1).max()), 1e-12),
        at_least("smallest density", float(run["min_density"].min()), 0.0),
        at_most(
            "rise of the risk in a step / R(0)", max(rise, 0.0), 4 * float(np.finfo(float).eps)
        ),
        at_most("energy balance", float(run["dissipation_defect"][1:].max()), 3e-3),
    ]


def manufactured(backend: str) -> list[Finding]:
    """The full nonlocal equation with a source: a given density comes back."""
    case = exact.Manufactured("relu", (10.0, 1.0))
    coarse, fine = (march(case, "relu", n, 0.5, backend) for n in (32, 64))
    return [
        at_most("L1 error at 64", fine.density, 1e-2),
        *orders("L1", [coarse.density, fine.density], 1.7),
        *orders("mean direction's", [coarse.direction, fine.direction], 1.85),
    ]


def manufactured_noise(backend: str) -> list[Finding]:
    """The same with ridge and noise."""
    case = exact.Manufactured("relu", (1.0, 1.0), ridge=0.4, temperature=0.05, norm=1.2)
    coarse, fine = (march(case, "relu", n, 0.5, backend) for n in (32, 64))
    return [
        at_most("L1 error at 64", fine.density, 2e-3),
        *orders("L1", [coarse.density, fine.density], 1.7),
        *orders("mean direction's", [coarse.direction, fine.direction], 1.85),
    ]


def resume(backend: str) -> list[Finding]:
    """A driver that goes on from a saved state takes bitwise the same steps."""
    session = prepare(load_config(None, {**_size(16, 4e-3), "run.backend": backend}))
    frames = list(session.driver().frames())
    middle = frames[len(frames) // 2]
    *_, last = session.driver(middle.restart).frames()
    same = [np.array_equal(last.fields[name], frames[-1].fields[name]) for name in last.fields]
    return [at_most("fields that differ", float(len(same) - sum(same)), 0.0)]
