"""Sharpness of neurons: the largest eigenvalue of H (see `pde.sharpness`), of one replica.

    H(x, x') = sum_j mass_j (k_a sigma sigma' + a_j^2 <grad sigma, K grad sigma'>)

grad in the points p_j at which the neuron meets its rows, K the mobility there, the same in every
chart:

    k_w M(v)           batch normalization, p = v;  with scale and shift, p = (gamma v, beta),
                       gamma^2 k_w M(v) + v v' [gamma moves] + e e' [beta moves], e the last axis
    k_w (I, or S)      plain networks, p = w on raw rows, or p = S^(1/2) w

Loads are (N, 1 + d): changes of a, and of points, by the neuron. On a normal law all pairs are kept
in memory, so of more than `MOST_PAIRED` neurons there the sharpness is not known. It is infinite
where a is solved for, which is not told.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry import Chart
from ..geometry.metric import beside
from ..network.data import Samples
from ..sharpness import has_tangent, largest_eigenvalue
from .flow import NeuronFlow
from .state import NeuronState

Array = NDArray[np.float64]

MOST_PAIRED = 1024  # neurons on a normal law: more would take longer than the run


class NeuronTangent:
    """H of the first replica. Loads and fields are (N, 1 + d)."""

    def __init__(self, flow: NeuronFlow, state: NeuronState) -> None:
        self.problem, self.mass, self.a = flow.problem, state.mass, state.a[0]
        self.array, self.totals = flow.kernels.array, flow.kernels.totals
        self.v = flow.chart.points(state.x)[0]
        self.scale, points = np.ones_like(self.a), self.v
        if state.affine is not None:
            self.scale = state.affine.gamma[0]
            points = state.affine.points(flow.chart.points(state.x))[0]
        self.changed = flow.interaction.linear(points, self.mass * self.a)
        self.mobility = Chart(self.problem.metric, "whitened", self.problem.induced)

    def start(self) -> Array:
        """W of noise, the same every time."""
        width = 1 + self.v.shape[1] + (self.problem.affine is not None)
        noise = np.random.Generator(np.random.Philox(0))
        return self.load(self.array(noise.standard_normal((len(self.a), width))))

    def field(self, load: Array) -> Array:
        """Q."""
        h, gradient = self.changed(load[:, 0], load[:, 1:])
        return np.column_stack([h, gradient])

    def load(self, field: Array) -> Array:
        """W."""
        load, problem, weight = np.zeros_like(field), self.problem, self.mass * self.a**2
        if problem.trains_outer:
            load[:, 0] = problem.rates.outer * self.mass * field[:, 0]
        gradient, d = field[:, 1:], self.v.shape[1]
        moved = np.zeros_like(gradient)
        if problem.trains_inner:
            pull = self.scale[:, None] * gradient[:, :d]
            moved[:, :d] += problem.rates.inner * self.scale[:, None] * self._raised(pull)
        if problem.affine is not None and problem.affine.trains_gamma:
            moved[:, :d] += self.v * np.einsum("nd,nd->n", self.v, gradient[:, :d])[:, None]
        if problem.affine is not None and problem.affine.trains_beta:
            moved[:, d] = gradient[:, d]
        load[:, 1:] = weight[:, None] * moved
        return load

    def pairing(self, load: Array, field: Array) -> float:
        """E[l'' f f'] of two loads, the second by its field."""
        return float(self.totals(load[None], field)[0])

    def form(self, one: Array, other: Array) -> float:
        """<one, W other>."""
        return self.pairing(self.load(other), one)

    def _raised(self, gradient: Array) -> Array:
        """The mobility on gradients in v, or in the points of a plain network."""
        if self.problem.normalised:
            tangent = self.mobility.gradient(gradient, self.v, self.v)
            return self.mobility.raised(tangent, self.v)
        if isinstance(self.problem.data, Samples):
            return gradient
        return gradient @ beside(self.problem.metric.covariance, gradient)


def sharpness(flow: NeuronFlow, state: NeuronState) -> float:
    """Of the first replica; NaN where it is not bounded, or not known."""
    problem = flow.problem
    affordable = isinstance(problem.data, Samples) or len(state.mass) <= MOST_PAIRED
    if problem.rates.solved or not (affordable and has_tangent(problem)):
        return float("nan")
    return largest_eigenvalue(NeuronTangent(flow, state))
