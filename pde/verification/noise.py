"""Checks of noise: heat, equilibrium, vacuum, every cell Peclet number, and stationary states.

Bounds are the measured tables of the discretization, x 1.2 to 1.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import exact
from ..config import load_config
from ..density.state import State
from ..session import Session
from ..stationary import stationary_state
from .check import Finding, at_least, at_most
from .noisy import NoisyFlow, bent, flat, linear
from .training import ANGLES, VARIANCES, WEIGHTS
from .transport import orders

Measure = Callable[[str], list[Finding]]

SMALL = 1e-2  # amplitude of a harmonic, so that upwinding its own flow does not count
TARGET, RIDGE, TAU = [1.0, -0.6], 0.5, 0.1  # of the linear network


def decay_error(
    d: int,
    cells: int,
    degree: int,
    *,
    radius: float = 1.0,
    stabilise: bool = False,
    backend: str = "numpy",
    made: NoisyFlow | None = None,
) -> float:
    """Relative error of the decay rate of a harmonic, over half of its life.

    made : the flow, where it is not the usual one
    """
    made = made or NoisyFlow(
        d, cells, flat(d), 1.0, radius=radius, stabilise=stabilise, backend=backend
    )
    mode = exact.HeatMode(d, degree, radius=radius)
    wave = mode.harmonic(made.sphere.centres)
    start = 1 + SMALL * wave
    end = made.evolve(start, 0.5 / mode.rate)
    before, after = (((rho - 1) * wave * made.volume).sum() for rho in (start, end))
    return abs(2 * float(np.log(before / after)) - 1)


def heat(d: int, cells: int, bounds: dict[int, float], radius: float = 1.3) -> Measure:
    """A check of the rates l(l+d-2)/r^2: degree -> bound of the relative error, and the order."""

    def measure(backend: str) -> list[Finding]:
        findings = []
        for degree, bound in bounds.items():
            errors = [
                decay_error(d, n, degree, radius=radius, backend=backend)
                for n in (cells // 2, cells)
            ]
            findings.append(at_most(f"error of the rate of degree {degree}", errors[1], bound))
            findings += orders(f"degree {degree}", errors, 1.9)
        return findings

    return measure


def equilibrium(backend: str) -> list[Finding]:
    """A Gibbs state stays; from a single cell, positive and downhill."""
    moved, least, rise, drift = 0.0, 0.0, 0.0, 0.0
    for d, cells in ((2, 32), (3, 8)):
        for stabilise in (False, True):
            made = NoisyFlow(d, cells, bent(d), 0.03, stabilise=stabilise, backend=backend)
            pi, start = made.gibbs(), made.single_cell()
            end = made.evolve(pi, 100 * made.longest)
            moved = max(moved, float((np.abs(end - pi) * made.volume).sum()))
            energies, minima = [made.energy(start)], list[float]()

            def watch(
                rho: Any, e: list[float] = energies, m: list[float] = minima, f: NoisyFlow = made
            ) -> None:
                e.append(f.energy(rho))
                m.append(float(rho.min()))

            end = made.evolve(start, 60 * made.longest, watch)
            least, rise = min(least, *minima), max(rise, float(np.diff(energies).max()))
            drift = max(drift, abs(float((end * made.volume).sum()) - 1))
    return [
        at_most("movement of a Gibbs state in 100 steps", moved, 1e-14),
        at_least("smallest density from a single cell", least, 0.0),
        at_most("rise of the free energy in a step", rise, 1e-14),
        at_most("mass drift", drift, 1e-12),
    ]


def peclet(d: int, cells: int, time: float, bounds: dict[float, float], order: float) -> Measure:
    """A check of a linear potential: temperature -> bound of the L1 error, and the order."""

    def measure(backend: str) -> list[Finding]:
        findings = []
        for tau, bound in bounds.items():
            truth = exact.DriftDiffusion(d, tau, time)
            errors = []
            for n in (cells // 2, cells):
                made = NoisyFlow(d, n, linear(d), tau, backend=backend)
                end = made.evolve(np.ones(made.sphere.shape), time)
                errors.append(made.l1(end, truth.density))
            findings.append(at_most(f"L1 error at tau = {tau:g}", errors[1], bound))
            findings += orders(f"tau = {tau:g}", errors, order)
        return findings

    return measure


def stationary(backend: str) -> list[Finding]:
    """Self-consistent states: of a linear network against a quadrature, raw and whitened."""
    truth = exact.stationary_linear_risk(VARIANCES, TARGET, RIDGE, TAU)
    findings = []
    for coordinates in ("raw", "whitened"):
        errors = [abs(_linear_risk(n, coordinates, backend) / truth - 1) for n in (8, 16)]
        findings.append(at_most(f"relative error of the risk, {coordinates}", errors[1], 2e-3))
        findings.append(
            at_most(f"the same over that at half the cells, {coordinates}", errors[1] / errors[0],
                    0.3)
        )  # fmt: skip
    return findings


def _linear_risk(cells: int, coordinates: str, backend: str) -> float:
    keys = {
        "network.activation": "linear",
        "target": {"kind": "linear", "coefficients": TARGET},
        "initial.a": {"kind": "normal", "std": 0.45},
        "training.temperature": TAU,
        "training.ridge": RIDGE,
        "solver.cells": cells,
        "solver.a_cells": 2 * cells,
        "solver.coordinates": coordinates,
        "run.backend": backend,
    }
    made = Session.prepare(load_config(None, keys))
    found = stationary_state(made.flow, made.initial_state())
    return made.flow.field(found.state).risk


def relaxation(backend: str) -> list[Finding]:
    """The flow from a tilted stationary state comes back to it, and its audits hold."""
    keys = {
        "target": {"weights": WEIGHTS, "angles": ANGLES},
        "training.temperature": 0.4,
        "training.ridge": 1.0,
        "solver.cells": 8,
        "solver.a_cells": 16,
        "time.end": 20.0,
        "time.save": [],
        "run.backend": backend,
    }
    made = Session.prepare(load_config(None, keys))
    flow, found = made.flow, stationary_state(made.flow, made.initial_state())
    volume = flow.cell_volume[..., None] * found.state.axis.weight
    state = State(found.state.rho * (1 + 0.3 * flow.sphere.centres[..., :1]), found.state.axis)
    state.rho /= (state.rho * volume).sum()
    driver = made.driver(restart=state.packed())
    driver.extend = False
    energies = [driver.energy]
    driver.report = lambda _: energies.append(driver.energy)
    *_, last = driver.frames()
    apart = float((np.abs(last.fields["rho"] - found.state.rho) * volume).sum())
    return [
        at_most("L1 distance from the stationary state", apart, 2e-3),
        at_most("rise of the free energy in a step", float(np.diff(energies).max()), 1e-14),
        at_least("smallest density", float(last.fields["rho"].min()), 0.0),
        at_most("mass drift", abs(float((last.fields["rho"] * volume).sum()) - 1), 1e-12),
    ]
