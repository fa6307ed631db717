"""The gradient flow of finitely many neurons: exact characteristics of the mean-field equation.

    f(x) = sum_j mass_j a_j sigma(p_j.x)
    a_j' = -k_a (h(p_j) + lambda a_j),    x_j' = -k_w a_j grad_g h(p_j)
    F = R + lambda/2 sum_j mass_j a_j^2,    dF/dt = -D
    D = sum_j mass_j (k_a (h + lambda a)^2 [a moves] + k_w a^2 |grad_g h|^2 [w moves])

or, k_a infinite, a = -h/lambda at every time: the minimum of F in a, a linear system.

and with scale and shift of batch normalization, sigma(gamma_j p_j.x + beta_j) (`network.affine`),

    gamma_j' = -a_j dh/dgamma,    beta_j' = -a_j dh/dbeta,    D likewise of those that move

A `NeuronFlow` binds a problem to a chart, an interaction and a backend; replicas are flows side by
side on one clock; k_a, k_w are the rates of the layers. It keeps no state. Time is the mean-field
clock: a gradient step of length learning rate x width is one of length learning rate
(mass_j = 1/width). Noise is not here: see `noise`.
Source: Ma and Ying, arXiv 2110.08725; Mei, Montanari, Nguyen, PNAS 115 (2018) (the clock).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...kernels import Kernels
from ...kernels.errors import InputError
from ..network.affine import Affine, with_ones
from ..network.data import Data, Samples
from ..problem import Problem
from ..products import SMALL, inner, product
from ..stepping.runge_kutta import Point
from .charts import Chart, Coordinates, PlainChart, chart
from .interaction import (
    HomogeneousInteraction,
    KernelInteraction,
    NeuronInteraction,
    RowInteraction,
    Rows,
)
from .sampling import Neurons
from .state import NeuronState

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NeuronField:
    """What the neurons feel.

    risk, dissipation : (replicas,); drive : (replicas,) the latter with all rates 1
    h : (replicas, neurons); motion : (replicas, neurons, d) metric gradient of h in the chart,
    times the rate of the inner weights; slope : (replicas, neurons) dh/dgamma and dh/dbeta, where
    they are; a : (replicas, neurons) the outer weights that it is the field of
    """

    risk: Array
    dissipation: Array
    h: Array
    motion: Array
    drive: Array
    a: Array
    slope: Affine | None = None

    @property
    def finite(self) -> Array:
        """Whether every number is one, where the numbers are."""
        parts = [self.h, self.motion, *(self.slope if self.slope is not None else [])]
        whole: Array = np.isfinite(self.risk).all()  # type: ignore[assignment]
        for part in parts:
            whole = whole & np.isfinite(part).all()
        return whole


class NeuronFlow:
    """A problem for networks of finite width.

    problem : what is solved; coordinates : of the directions; kernels : the backend
    """

    def __init__(self, problem: Problem, coordinates: Coordinates, kernels: Kernels) -> None:
        self.problem, self.kernels = problem, kernels
        self.chart: Chart
        self.interaction: NeuronInteraction
        if problem.normalised:
            self.chart = chart(coordinates, problem.metric, problem.induced)
        else:
            rows = isinstance(problem.data, Samples)
            self.chart = PlainChart(None if rows else problem.metric.square_root)
        self.interaction = _interaction(problem, kernels)

    def initial_state(self, neurons: Neurons) -> NeuronState:
        """The state at t = 0."""
        array = self.kernels.array
        x, a, mass = map(array, (self.chart.from_raw(neurons.inner), neurons.a, neurons.mass))
        affine = None if neurons.affine is None else Affine(*map(array, neurons.affine))
        state = NeuronState(x, a, mass, array(np.zeros(len(x))), affine=affine)
        if self.balanced:
            state.balance = state.a**2 - self.balancing(state)
        return state

    def replayable(self, neurons: int) -> bool:
        """Whether a device may record a step of so many; see `Kernels.recorded`."""
        small = self.problem.dimension <= SMALL and not self.problem.rates.solved
        return small and self.interaction.replayable(neurons)

    @property
    def balanced(self) -> bool:
        """Whether a^2 of every neuron moves as the square of what scales its homogeneous sigma.

        That is (gamma, beta), of rate 1, with batch normalization, w without.
        """
        problem, rates = self.problem, self.problem.rates
        if not (problem.trains_outer and homogeneous(problem)):
            return False
        if problem.ridge or not problem.temperature.zero:
            return False
        if problem.normalised:
            return problem.affine is not None and problem.affine.homogeneous and rates.outer == 1.0
        return problem.trains_inner and rates.inner == rates.outer

    def balancing(self, state: NeuronState) -> Array:
        """(replicas, neurons): gamma^2 + beta^2, or |w|^2 of a plain network."""
        return _square(state.x) if state.affine is None else state.affine.square()

    def field(self, x: Array, a: Array, mass: Array, affine: Affine | None = None) -> NeuronField:
        """The field of the neurons as they are, or with the outer weights that are solved for."""
        points, rates = self.chart.points(x), self.problem.rates
        met = _met_at(points, affine)
        if rates.solved:
            a = np.stack([self.interaction.regression(p, mass, self.problem.ridge) for p in met])
        response = self.interaction.respond(met, mass * a)
        gradient, slope = response.gradient, None
        if affine is not None:
            gradient, slope = affine.pulled(points, gradient)
            slope = self._moving(slope)
        outer = across = rest = np.zeros_like(a)
        motion = np.zeros_like(x)
        if self.problem.trains_outer:
            outer = (response.h + self.problem.ridge * a) ** 2
        if self.problem.trains_inner:
            motion, square = self.chart.rise(x, points, gradient)
            motion, across = rates.inner * motion, a**2 * square
        if slope is not None:
            rest = a**2 * slope.square()
        lost = product(rates.outer * outer + rates.inner * across + rest, mass)
        drive = product(outer + across + rest, mass)
        return NeuronField(response.risk, lost, response.h, motion, drive, a, slope)

    def _moving(self, slope: Affine) -> Affine:
        """The derivatives in what is trained; zero in the other."""
        law, still = self.problem.affine, np.zeros_like(slope.gamma)
        assert law is not None
        return Affine(
            slope.gamma if law.trains_gamma else still, slope.beta if law.trains_beta else still
        )

    def velocity(self, field: NeuronField, a: Array) -> Point:
        """Velocity of (x, a, lost), then of gamma and beta where they are; 0 of an a solved for."""
        outer = np.zeros_like(field.h)
        if self.problem.rates.solved:
            a = field.a
        elif self.problem.trains_outer:
            outer = -self.problem.rates.outer * (field.h + self.problem.ridge * a)
        affine = (-a * slope for slope in field.slope or ())
        return -a[..., None] * field.motion, outer, field.dissipation, *affine

    def energy(self, field: NeuronField, a: Array, mass: Array) -> Array:
        """(replicas,): F, without noise; an entropy of finitely many neurons is none."""
        energy: Array = field.risk + 0.5 * self.problem.ridge * product(a**2, mass)
        return energy

    def retracted(self, x: Array) -> tuple[Array, Array]:
        """x on its manifold, and the largest relative departure from it that this removed."""
        back = self.chart.retracted(x)
        if back is x:
            return x, np.zeros_like(x[0, 0, 0])
        off = np.sqrt(_square(x - back) / _square(back))
        return back, off.max()

    def distance(self, x: Array, other: Array) -> Array:
        """(.., N): geodesic distance of inner weights in the metric of the flow."""
        problem, (w, before) = self.problem, (self.chart.raw(x), self.chart.raw(other))
        if problem.normalised and problem.induced == "round":
            w, before = problem.metric.whitened(w), problem.metric.whitened(before)
        apart: Array = np.sqrt(_square(w - before))
        if not problem.normalised:
            return apart
        angle: Array = 2 * np.arcsin(np.minimum(apart / 2, 1.0))
        return problem.metric.norm * angle

    def test_risk(self, state: NeuronState) -> Array:
        """(replicas,): NaN where no rows are held out."""
        points = _met_at(self.chart.points(state.x), state.affine)
        return self.interaction.test_risk(points, state.mass * state.a)


def homogeneous(problem: Problem) -> bool:
    """Whether sigma(s z) = s sigma(z) for s > 0."""
    bends = problem.activation.bends
    return (
        bends is not None
        and all(place == 0 for place, _ in bends)
        and not (problem.activation.constant)
    )


def _interaction(problem: Problem, kernels: Kernels) -> NeuronInteraction:
    data = problem.data
    if not problem.normalised:
        _refuse_lost_mean(data)
    if isinstance(data, Samples):
        rows = Rows(_met(problem, data.inputs), data.targets)
        test = Rows(_met(problem, data.test_inputs), data.test_targets)
        return RowInteraction(problem.activation, problem.loss, rows, test, kernels)
    assert problem.teacher is not None
    inner = KernelInteraction(problem.activation, problem.teacher, problem.dimension, kernels)
    if problem.normalised:
        return inner
    if not homogeneous(problem) or data.mean.any():
        raise InputError(
            "a plain network on population data needs a homogeneous activation (relu, linear, abs) "
            'and data.mean = 0; give data.kind = "sampled"'
        )
    return HomogeneousInteraction(inner)


def _refuse_lost_mean(data: Data) -> None:
    """A plain network sees the mean of its inputs, which are of mean zero where reduced."""
    if data.centre is not None and data.centre.any():
        raise InputError(
            "network.batch_norm = false sees the mean of the inputs, which dependent columns or "
            "data.components take away; give network.batch_norm = true, or independent columns "
            "without data.components"
        )


def _met_at(points: Array, affine: Affine | None) -> Array:
    """The points of the chart as the rows meet them, with scales and shifts."""
    return points if affine is None else affine.points(points)


def _met(problem: Problem, inputs: Array) -> Array:
    """Whitened inputs as the neurons meet them: as they are, or raw again in a plain network."""
    if problem.affine is not None:
        return with_ones(inputs)
    if problem.normalised:
        return inputs
    return np.ascontiguousarray(inputs @ problem.metric.square_root + problem.data.mean)


def _square(x: Array) -> Array:
    return inner(x, x)
