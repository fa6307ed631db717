"""Drift and diffusion under a given potential, by the steps that a run with noise takes.

    rho_t = div_g(rho grad_g(h + tau log rho)),   a = 1

The potential is given as a function of u with its ambient gradient; it enters where the interaction
would give its field. Everything else is the solver's own: flux, limits of the step, stages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kernels import Velocity
from ..config import load_config
from ..density.state import State
from ..geometry import Stations
from ..geometry.axis import ListAxis
from ..session import Session
from ..stepping.control import StepControl
from ..stepping.stabilised import explicit, stabilised
from .prescribed import cell_average

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
Potential = tuple[Function, Function]  # h and its ambient gradient, (.., d) -> (..,), (.., d)

CONTROL = StepControl(cfl=0.45, tolerance=1.0)
ONE = ListAxis((1.0,))
LEAST = 1e-300  # 0 log 0 = 0


def axis_of(d: int) -> Array:
    """c = (1, 2, ..)/|.|."""
    return np.arange(1.0, d + 1) / np.linalg.norm(np.arange(1.0, d + 1))


def flat(d: int) -> Potential:
    """No potential."""
    return lambda u: np.zeros(u.shape[:-1]), np.zeros_like


def linear(d: int) -> Potential:
    """c.u."""
    c = axis_of(d)
    return lambda u: u @ c, lambda u: np.broadcast_to(c, u.shape)


def bent(d: int) -> Potential:
    """c.u + max(u_1, 0)/2."""
    c, first = axis_of(d), np.eye(d)[0]
    return (
        lambda u: u @ c + 0.5 * np.maximum(u[..., 0], 0.0),
        lambda u: c + 0.5 * (u[..., :1] > 0) * first,
    )


class NoisyFlow:
    """A potential and noise on a sphere.

    radius : r of the metric; stabilise : whether steps may be longer than explicit ones
    """

    def __init__(
        self,
        d: int,
        cells: int,
        potential: Potential,
        temperature: float,
        *,
        radius: float = 1.0,
        stabilise: bool = False,
        backend: str = "numpy",
    ) -> None:
        self.temperature, self.stabilise = temperature, stabilise
        self.flow = Session.prepare(
            load_config(_config(d, cells, temperature, radius, backend))
        ).flow
        self.sphere, self.volume = self.flow.sphere, self.flow.cell_volume
        self.h = potential[0](self.sphere.centres)
        stations = Stations(self.sphere)
        slope, half = potential[1](stations.full), len(stations.half)
        faces = self.flow.kernels.face_velocities(
            *stations.unfold(slope[:half], slope[half:]), self.flow.face_weights
        )
        self.velocity: Velocity = self.flow.heated(Velocity(faces, None), self.h, temperature)

    @property
    def rates(self) -> tuple[float, float]:
        """Shares of a cell in unit time: of drift, and of diffusion."""
        return self.flow.rate(self.velocity, ONE), self.flow.diffusion_rate(self.temperature, ONE)

    @property
    def longest(self) -> float:
        """The longest step."""
        limit = CONTROL.stabilised if self.stabilise else CONTROL.damped
        return limit(*self.rates)

    def evolve(
        self, rho: Array, time: float, watch: Callable[[Array], None] = lambda _: None
    ) -> Array:
        """The density (2d, n, .., n) after a time; `watch` is called after every step."""
        state, left, longest = State(rho[..., None].copy(), ONE), time, self.longest
        while left > 0:
            dt = min(longest, left)
            if not (self.stabilise and self._stabilised(state, dt)):
                explicit(self.flow, state, self.velocity, dt, CONTROL)
            left -= dt
            watch(state.rho[..., 0])
        return np.asarray(state.rho[..., 0])

    def _stabilised(self, state: State, dt: float) -> bool:
        stages = CONTROL.stages(dt, *self.rates)
        return stabilised(self.flow, state, self.velocity, dt, stages)

    def gibbs(self) -> Array:
        """exp(-h/tau), of mass 1."""
        rho = np.exp(-(self.h - self.h.min()) / self.temperature)
        return np.asarray(rho / (rho * self.volume).sum())

    def single_cell(self) -> Array:
        """All mass in the corner of a panel."""
        rho = np.zeros(self.sphere.shape)
        corner = (1, *[0] * self.sphere.axes)
        rho[corner] = 1 / self.volume[corner]
        return rho

    def energy(self, rho: Array) -> float:
        """int rho (h + tau log rho)."""
        log = np.log(np.maximum(rho, LEAST))
        return float((self.volume * rho * (self.h + self.temperature * log)).sum())

    def l1(self, rho: Array, density: Function) -> float:
        """Mean distance from an exact density."""
        off = np.abs(rho - cell_average(self.sphere, density))
        return float((off * self.volume).sum() / self.volume.sum())


def _config(d: int, cells: int, temperature: float, radius: float, backend: str) -> dict[str, Any]:
    """A network whose own interaction is of no concern: few rows, one outer weight."""
    return {
        "network": {"train": ["w"], "weight_norm": radius},
        "data": {"kind": "sampled", "covariance": [1.0] * d, "samples": 4 * d},
        "target": {"weights": [1.0], "directions": [[1.0] + [0.0] * (d - 1)]},
        "training": {"temperature": temperature},
        "initial": {"a": {"kind": "constant", "value": 1.0}},
        "solver": {"cells": cells},
        "run": {"backend": backend},
    }
