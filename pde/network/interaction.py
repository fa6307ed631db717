"""The interaction: from the outer weights on the sphere to the field that moves them.

    f(x) = sum_j c_j sigma(v_j.xt),  c_j = (int a rho da) x cell volume
    h(v) = E[l'(f, y) sigma(v.xt)] = dR/dc,   Psi(v, a) = a h(v)

and the gradient of h in the grid's directions p, raw or whitened. Two forms of the expectation:

    SampledInteraction      mean over rows: two sums over (directions x rows), see `pairs`
    PopulationInteraction   square loss on normal inputs: h = K c - E[y sigma], K the dual kernel,
                            see `kernel_sums`

sigma = p z + q + parts, and the parity of each part halves its sums (`geometry.stations`).
Source: Ma and Ying, arXiv 2110.08725 (velocity); Stein's identity for the kernel's gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...kernels import Kernels
from ...kernels.contract import OverlapSums
from ..geometry import Chart, Stations
from ..products import product
from .activations import Activation
from .data import Samples
from .kernel_sums import kernel_sums, whole_sums
from .loss import Loss
from .pairs import Pairs, PairSums, Way
from .target import Teacher

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """What a distribution of outer weights does.

    risk : R, one number, where h is; h : (2d, n, .., n) field at the cell centres
    gradient : (2d, n, .., n, d) of h in p, tangent; edge_gradient : the same as slabs, on panel
        edges
    source : what h is a sum over, for `Interaction.at`: l'/rows of every row, or c itself
    """

    risk: Array
    h: Array
    gradient: Array
    edge_gradient: Array
    source: Array


Linear = Callable[[Array], Response]


class Interaction(Protocol):
    """Maps outer weights c (2d, n, .., n) to the field."""

    @property
    def replayable(self) -> bool:
        """Whether a device may record `respond`; see `Kernels.recorded`."""
        ...

    def respond(self, outer: Array) -> Response:
        """Risk, field and gradient."""
        ...

    def linear(self, outer: Array) -> Linear:
        """The derivative of `respond` at outer weights: what a change of them does to the field."""
        ...

    def at(self, v: Array, source: Array) -> tuple[Array, Array]:
        """(m,), (m, d): h and its ambient gradient at any whitened v (m, d), all of the host."""
        ...

    def test_risk(self, outer: Array) -> float:
        """Mean loss over held-out rows; NaN where there are none."""
        ...

    def description(self) -> str:
        """One phrase that says which sums run."""
        ...

    @property
    def table_bytes(self) -> int:
        """Of the tables that are kept from step to step."""
        ...


class _Directions:
    """Whitened directions of the stations, and the way from sums at stations to a Response."""

    def __init__(self, chart: Chart, stations: Stations, kernels: Kernels) -> None:
        self.chart, self.stations, self.kernels = chart, stations, kernels
        v = chart.whitened(stations.full)
        self.p, self.v = kernels.array(stations.full), kernels.array(v)
        self.half = kernels.array(v[: len(stations.half)])
        self.neurons = kernels.array(v[: len(stations.half_centres)])
        self.centres = kernels.array(chart.whitened(stations.sphere.centres))

    def resultant(self, outer: Array) -> Array:
        """(d,): sum_j c_j v_j."""
        return product(outer.ravel(), self.centres.reshape(-1, self.centres.shape[-1]))

    def total(self, values: Array, weights: Array | None = None) -> Array:
        """(): of values at the centres, or of rows."""
        total: Array = self.kernels.totals(values[None], weights)[0]
        return total

    def both(self, sums: Array, gradients: Array, parity: int) -> tuple[Array, Array]:
        """Sums and gradients of a function of that parity, at the stations and antipodes."""
        return (
            np.concatenate([sums, parity * sums]),
            np.concatenate([gradients, -parity * gradients]),
        )

    def response(self, risk: Array, h: Array, gradient: Array, source: Array) -> Response:
        """Onto the grid, with the gradient taken in p."""
        m = len(self.half)
        own = self.chart.gradient(gradient, self.p, self.v)
        centres, _ = self.stations.unfold(h[:m], h[m:])
        return Response(risk, centres, *self.stations.unfold(own[:m], own[m:]), source)


class SampledInteraction:
    """Expectations as means over the training rows."""

    replayable = True

    def __init__(
        self,
        activation: Activation,
        loss: Loss,
        chart: Chart,
        stations: Stations,
        samples: Samples,
        kernels: Kernels,
        way: Way = "auto",
    ) -> None:
        self.activation, self.loss, self.kernels = activation, loss, kernels
        self.directions = directions = _Directions(chart, stations, kernels)
        self.inputs, self.targets = kernels.array(samples.inputs), kernels.array(samples.targets)
        self.test_inputs = kernels.array(samples.test_inputs)
        self.test_targets = kernels.array(samples.test_targets)
        points, rows = activation.gain * directions.half, len(samples.inputs)
        self.pairs = Pairs(activation, chart, stations, points, rows, kernels, way)
        self.sums = self._sums(self.inputs, keep=True)

    def _sums(self, rows: Array, *, keep: bool) -> list[PairSums]:
        """One for every part of the activation."""
        return [self.pairs.of(each.remainder, rows, keep=keep) for each in self.activation.parts]

    def description(self) -> str:
        """One phrase that says which sums run."""
        return self.pairs.description

    @property
    def table_bytes(self) -> int:
        """Of the tables that are kept from step to step."""
        return sum(each.table_bytes for each in self.sums)

    def predict(self, outer: Array, whitened: Array) -> Array:
        """(rows,): f of whitened inputs (rows, d)."""
        whitened = self.kernels.array(whitened)
        return self._predict(outer, whitened, self._sums(whitened, keep=False))

    def _predict_rows(self, outer: Array) -> Array:
        """(rows,): f of the training rows."""
        return self._predict(outer, self.inputs, self.sums)

    def _predict(self, outer: Array, whitened: Array, sums: list[PairSums]) -> Array:
        sigma, directions = self.activation, self.directions
        along = product(whitened, directions.resultant(outer))
        f: Array = sigma.linear * along + sigma.constant * directions.total(outer)
        for part, pairs in zip(sigma.parts, sums, strict=True):
            f = f + pairs.forward(part.weight * directions.stations.fold(outer, part.parity))
        return f

    def respond(self, outer: Array) -> Response:
        """Risk, field and gradient."""
        f, targets = self._predict_rows(outer), self.targets
        risk = self._mean(self.loss.value(f, targets))
        return self._pulled(risk, self.loss.slope(f, targets) / len(f))

    def _mean(self, losses: Array) -> Array:
        mean: Array = self.directions.total(losses) / len(losses)
        return mean

    def linear(self, outer: Array) -> Linear:
        """The derivative of `respond` at outer weights; the risk is left 0."""
        f = self._predict_rows(outer)
        bend, still = self.loss.curvature(f, self.targets) / len(f), np.zeros_like(f[0])
        return lambda more: self._pulled(still, bend * self._predict_rows(more))

    def _pulled(self, risk: Array, residual: Array) -> Response:
        """The field of residuals over the number of rows."""
        sigma, directions = self.activation, self.directions
        pull = product(residual, self.inputs)
        total = directions.total(residual)
        h = sigma.linear * product(directions.v, pull) + sigma.constant * total
        gradient = np.broadcast_to(sigma.linear * pull, directions.v.shape)
        for part, pairs in zip(sigma.parts, self.sums, strict=True):
            sums, slopes = pairs.backward(part.weight * residual)
            h_rest, gradient_rest = directions.both(sums, sigma.gain * slopes, part.parity)
            h, gradient = h + h_rest, gradient + gradient_rest
        return directions.response(risk, h, gradient, residual)

    def at(self, v: Array, source: Array) -> tuple[Array, Array]:
        """(m,), (m, d): h and its ambient gradient at any whitened v (m, d), all of the host."""
        sigma, inputs, v = self.activation, self.inputs, self.kernels.array(v)
        pull = product(source, inputs)
        h = sigma.linear * product(v, pull) + sigma.constant * self.directions.total(source)
        gradient = np.broadcast_to(sigma.linear * pull, v.shape)
        for part in sigma.parts:
            sums, slopes = self.kernels.pair_backward(
                part.remainder, sigma.gain * v, inputs, part.weight * source
            )
            h, gradient = h + sums, gradient + sigma.gain * slopes
        return self.kernels.host(h), self.kernels.host(gradient)

    def test_risk(self, outer: Array) -> float:
        """Mean loss over held-out rows; NaN where there are none."""
        if not len(self.test_inputs):
            return float("nan")
        f = self.predict(outer, self.test_inputs)
        return float(self._mean(self.loss.value(f, self.test_targets)))


class PopulationInteraction:
    """Expectations over the normal law, by dual kernels; square loss and a teacher."""

    def __init__(
        self,
        activation: Activation,
        chart: Chart,
        stations: Stations,
        teacher: Teacher,
        kernels: Kernels,
        way: Way = "auto",
    ) -> None:
        self.activation, self.teacher = activation, teacher
        self.kernels, self.directions = kernels, _Directions(chart, stations, kernels)
        correlation, slope = teacher.correlation(chart.whitened(stations.full), activation)
        self.correlation, self.correlation_gradient = map(kernels.array, (correlation, slope))
        centres = chart.whitened(stations.sphere.centres)
        flat = centres.reshape(-1, centres.shape[-1])
        correlation, _ = teacher.correlation(flat, activation)
        self.centre_correlation = kernels.array(correlation.reshape(centres.shape[:-1]))
        self.target_moment = teacher.second_moment() + teacher.noise**2
        half, neurons = map(kernels.host, (self.directions.half, self.directions.neurons))
        self.sums = kernel_sums(activation, chart, half, neurons, way, kernels)
        self.replayable = all(each.replayable for each in self.sums)

    @cached_property
    def whole(self) -> OverlapSums:
        """Sums over neurons with all of the kernel."""
        return whole_sums(self.kernels, self.activation)

    def description(self) -> str:
        """One phrase that says which sums run."""
        return self.sums[0].description if self.sums else "matrix products of rank d"

    @property
    def table_bytes(self) -> int:
        """Of the tables that are kept from step to step."""
        return sum(each.table_bytes for each in self.sums)

    def respond(self, outer: Array) -> Response:
        """Risk, field and gradient."""
        h, gradient = self._overlaps(outer)
        h, gradient = h - self.correlation, gradient - self.correlation_gradient
        response = self.directions.response(np.zeros_like(h[0]), h, gradient, outer)
        power = self.directions.total(outer, response.h - self.centre_correlation)
        return replace(response, risk=0.5 * (power + self.target_moment))

    def linear(self, outer: Array) -> Linear:
        """The derivative of `respond`, the same everywhere; the risk is left 0."""
        still = np.zeros_like(outer.ravel()[0])
        return lambda more: self.directions.response(still, *self._overlaps(more), more)

    def _overlaps(self, outer: Array) -> tuple[Array, Array]:
        """K c and its gradient in v, at all stations."""
        sigma, directions = self.activation, self.directions
        pull = sigma.linear**2 * directions.resultant(outer)
        total = directions.total(outer)
        h = product(directions.v, pull) + sigma.constant**2 * total
        gradient = np.broadcast_to(pull, directions.v.shape)
        for sums in self.sums:
            folded = directions.stations.fold(outer, sums.parity)
            h_rest, gradient_rest = directions.both(*sums(folded), sums.parity)
            h, gradient = h + h_rest, gradient + gradient_rest
        return h, gradient

    def at(self, v: Array, source: Array) -> tuple[Array, Array]:
        """(m,), (m, d): h and its ambient gradient at any whitened v (m, d), all of the host."""
        wanted, wanted_gradient = self.teacher.correlation(v, self.activation)
        centres = self.directions.centres.reshape(-1, v.shape[1])
        h, gradient = self.whole(self.kernels.array(v), centres, source.ravel())
        return self.kernels.host(h) - wanted, self.kernels.host(gradient) - wanted_gradient

    def test_risk(self, outer: Array) -> float:
        """NaN: nothing is held out of a law that is known exactly."""
        return float("nan")
