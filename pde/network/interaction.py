"""The interaction: from the outer weights on the sphere to the field that moves them.

    f(x) = sum_j c_j sigma(v_j.xt),  c_j = (int a rho da) x cell volume
    h(v) = E[l'(f, y) sigma(v.xt)] = dR/dc,   Psi(v, a) = a h(v)

and the gradient of h in the grid's directions p, raw or whitened. Two forms of the expectation:

    SampledInteraction      mean over rows: two sums over (directions x rows), in tiles
    PopulationInteraction   square loss on normal inputs: h = K c - E[y sigma], K the dual kernel;
                            a convolution (FFT) on a circle of whitened directions, or where raw
                            ones are the same; else a kept matrix, up to `KERNEL_BYTES`; beyond,
                            its tiles are computed again at every step

sigma = p z + q + parts, and the parity of each part halves its sums (`geometry.stations`).
Source: Ma and Ying, arXiv 2110.08725 (velocity); Stein's identity for the kernel's gradient.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...kernels import Kernels
from ...kernels.errors import Notice
from ..geometry import Chart, Stations
from .activations import Activation
from .data import Samples
from .dual import DualKernel
from .loss import Loss
from .target import Teacher

Array = NDArray[np.float64]

KERNEL_BYTES = 1 << 30  # kernel matrices kept in memory, value and slope together
TILE_ROWS = 512


@dataclass(frozen=True)
class Response:
    """What a distribution of outer weights does.

    risk : R; h : (2d, n, .., n) field at the cell centres
    gradient : (2d, n, .., n, d) of h in p, tangent; edge_gradient : the same as slabs, on panel
        edges
    source : what h is a sum over, for `Interaction.at`: l'/rows of every row, or c itself
    """

    risk: float
    h: Array
    gradient: Array
    edge_gradient: Array
    source: Array


Linear = Callable[[Array], Response]


class Interaction(Protocol):
    """Maps outer weights c (2d, n, .., n) to the field."""

    def respond(self, outer: Array) -> Response:
        """Risk, field and gradient."""
        ...

    def linear(self, outer: Array) -> Linear:
        """The derivative of `respond` at outer weights: what a change of them does to the field."""
        ...

    def at(self, v: Array, source: Array) -> tuple[Array, Array]:
        """(m,), (m, d): h and its ambient gradient at any whitened directions v (m, d)."""
        ...

    def test_risk(self, outer: Array) -> float:
        """Mean loss over held-out rows; NaN where there are none."""
        ...

    def description(self) -> str:
        """One phrase that says which sums run."""
        ...


class _Directions:
    """Whitened directions of the stations, and the way from sums at stations to a Response."""

    def __init__(self, chart: Chart, stations: Stations) -> None:
        self.chart, self.stations = chart, stations
        self.p = stations.full
        self.v = chart.whitened(self.p)
        self.half = np.ascontiguousarray(self.v[: len(stations.half)])
        self.neurons = np.ascontiguousarray(self.v[: len(stations.half_centres)])
        self.centres = chart.whitened(stations.sphere.centres)

    def resultant(self, outer: Array) -> Array:
        """(d,): sum_j c_j v_j."""
        return np.asarray(outer.ravel() @ self.centres.reshape(-1, self.centres.shape[-1]))

    def both(self, sums: Array, gradients: Array, parity: int) -> tuple[Array, Array]:
        """Sums and gradients of a function of that parity, at the stations and antipodes."""
        return (
            np.concatenate([sums, parity * sums]),
            np.concatenate([gradients, -parity * gradients]),
        )

    def response(self, risk: float, h: Array, gradient: Array, source: Array) -> Response:
        """Onto the grid, with the gradient taken in p."""
        m = len(self.half)
        own = self.chart.gradient(gradient, self.p, self.v)
        centres, _ = self.stations.unfold(h[:m], h[m:])
        return Response(risk, centres, *self.stations.unfold(own[:m], own[m:]), source)


class SampledInteraction:
    """Expectations as means over the training rows."""

    def __init__(
        self,
        activation: Activation,
        loss: Loss,
        chart: Chart,
        stations: Stations,
        samples: Samples,
        kernels: Kernels,
    ) -> None:
        self.activation, self.loss, self.samples, self.kernels = activation, loss, samples, kernels
        self.directions = _Directions(chart, stations)

    def description(self) -> str:
        """One phrase that says which sums run."""
        rows, directions = len(self.samples.inputs), len(self.directions.half)
        return f"direct sums over {rows} rows x {directions} directions"

    def predict(self, outer: Array, whitened: Array) -> Array:
        """(rows,): f of whitened inputs (rows, d)."""
        sigma, directions = self.activation, self.directions
        mean_direction = directions.resultant(outer)
        f: Array = sigma.linear * (whitened @ mean_direction) + sigma.constant * outer.sum()
        points = sigma.gain * directions.neurons
        for part in sigma.parts:
            folded = part.weight * directions.stations.fold(outer, part.parity)
            f = f + self.kernels.pair_forward(part.remainder, points, whitened, folded)
        return f

    def respond(self, outer: Array) -> Response:
        """Risk, field and gradient."""
        f, targets = self.predict(outer, self.samples.inputs), self.samples.targets
        risk = float(self.loss.value(f, targets).mean())
        return self._pulled(risk, self.loss.slope(f, targets) / len(f))

    def linear(self, outer: Array) -> Linear:
        """The derivative of `respond` at outer weights; the risk is left 0."""
        f = self.predict(outer, self.samples.inputs)
        bend = self.loss.curvature(f, self.samples.targets) / len(f)
        return lambda more: self._pulled(0.0, bend * self.predict(more, self.samples.inputs))

    def _pulled(self, risk: float, residual: Array) -> Response:
        """The field of residuals over the number of rows."""
        sigma, directions, samples = self.activation, self.directions, self.samples
        pull = residual @ samples.inputs
        h = sigma.linear * (directions.v @ pull) + sigma.constant * residual.sum()
        gradient = np.broadcast_to(sigma.linear * pull, directions.v.shape)
        points = sigma.gain * directions.half
        for part in sigma.parts:
            sums, slopes = self.kernels.pair_backward(
                part.remainder, points, samples.inputs, part.weight * residual
            )
            h_rest, gradient_rest = directions.both(sums, sigma.gain * slopes, part.parity)
            h, gradient = h + h_rest, gradient + gradient_rest
        return directions.response(risk, h, gradient, residual)

    def at(self, v: Array, source: Array) -> tuple[Array, Array]:
        """(m,), (m, d): h and its ambient gradient at any whitened directions v (m, d)."""
        sigma, inputs = self.activation, self.samples.inputs
        pull = source @ inputs
        h = sigma.linear * (v @ pull) + sigma.constant * source.sum()
        gradient = np.broadcast_to(sigma.linear * pull, v.shape)
        for part in sigma.parts:
            sums, slopes = self.kernels.pair_backward(
                part.remainder, sigma.gain * v, inputs, part.weight * source
            )
            h, gradient = h + sums, gradient + sigma.gain * slopes
        return h, gradient

    def test_risk(self, outer: Array) -> float:
        """Mean loss over held-out rows; NaN where there are none."""
        if not len(self.samples.test_inputs):
            return float("nan")
        f = self.predict(outer, self.samples.test_inputs)
        return float(self.loss.value(f, self.samples.test_targets).mean())


class PopulationInteraction:
    """Expectations over the normal law, by dual kernels; square loss and a teacher."""

    def __init__(
        self,
        activation: Activation,
        chart: Chart,
        stations: Stations,
        teacher: Teacher,
    ) -> None:
        self.activation, self.teacher, self.kernel = activation, teacher, DualKernel(activation)
        self.directions = _Directions(chart, stations)
        self.correlation, self.correlation_gradient = teacher.correlation(
            self.directions.v, activation
        )
        centres = self.directions.centres
        flat = centres.reshape(-1, centres.shape[-1])
        self.centre_correlation = teacher.correlation(flat, activation)[0].reshape(
            centres.shape[:-1]
        )
        self.target_moment = teacher.second_moment() + teacher.noise**2
        self.sums = _kernel_sums(activation, self.directions)

    def description(self) -> str:
        """One phrase that says which sums run."""
        return self.sums[0].description if self.sums else "matrix products of rank d"

    def respond(self, outer: Array) -> Response:
        """Risk, field and gradient."""
        h, gradient = self._overlaps(outer)
        h, gradient = h - self.correlation, gradient - self.correlation_gradient
        response = self.directions.response(0.0, h, gradient, outer)
        power = float((outer * (response.h - self.centre_correlation)).sum())
        return replace(response, risk=0.5 * (power + self.target_moment))

    def linear(self, outer: Array) -> Linear:
        """The derivative of `respond`, the same everywhere; the risk is left 0."""
        return lambda more: self.directions.response(0.0, *self._overlaps(more), more)

    def _overlaps(self, outer: Array) -> tuple[Array, Array]:
        """K c and its gradient in v, at all stations."""
        sigma, directions = self.activation, self.directions
        pull = sigma.linear**2 * directions.resultant(outer)
        h = directions.v @ pull + sigma.constant**2 * outer.sum()
        gradient = np.broadcast_to(pull, directions.v.shape)
        for sums in self.sums:
            folded = directions.stations.fold(outer, sums.parity)
            h_rest, gradient_rest = directions.both(*sums(folded), sums.parity)
            h, gradient = h + h_rest, gradient + gradient_rest
        return h, gradient

    def at(self, v: Array, source: Array) -> tuple[Array, Array]:
        """(m,), (m, d): h and its ambient gradient at any whitened directions v (m, d)."""
        centres, outer = self.directions.centres.reshape(-1, v.shape[1]), source.ravel()
        h, gradient = self.teacher.correlation(v, self.activation)
        h, gradient = -h, -gradient
        for rows in (slice(i, i + TILE_ROWS) for i in range(0, len(v), TILE_ROWS)):
            cosine = v[rows] @ centres.T
            h[rows] += self.kernel.value(cosine) @ outer
            gradient[rows] += self.kernel.slope(cosine) @ (outer[:, None] * centres)
        return h, gradient

    def test_risk(self, outer: Array) -> float:
        """NaN: nothing is held out of a law that is known exactly."""
        return float("nan")


class _KernelSums:
    """sum_j k(v_i.v_j) c_j and its gradient, by a matrix, kept or computed again tile by tile.

    kernel : of definite parity; budget : bytes that may be kept
    """

    def __init__(self, kernel: RemainderKernel, directions: _Directions, budget: int) -> None:
        self.kernel, self.parity = kernel, kernel.parity
        self.half, self.neurons = directions.half, directions.neurons
        size = 2 * 8 * len(self.half) * len(self.neurons)
        self.kept: list[tuple[Array, Array]] | None = None
        if size <= budget:
            self.kept = [self._tile(tile) for tile in self._tiles()]
            self.description = f"kernel matrices of {size / 2**20:.0f} MiB, kept"
        else:
            self.description = f"kernel tiles, computed again every step ({size / 2**30:.1f} GiB)"
            warnings.warn(
                f"population data on {2 * len(self.neurons)} directions: kernel matrices of "
                f"{size / 2**30:.1f} GiB are computed again at every step; "
                'data.kind = "sampled" costs less on such a grid',
                Notice,
                stacklevel=2,
            )

    def __call__(self, folded: Array) -> tuple[Array, Array]:
        """(m,), (m, d) at the half stations, of folded outer weights."""
        moved = folded[:, None] * self.neurons
        tiles = self.kept if self.kept is not None else (self._tile(t) for t in self._tiles())
        parts = [(value @ folded, slope @ moved) for value, slope in tiles]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _tiles(self) -> list[slice]:
        return [slice(i, i + TILE_ROWS) for i in range(0, len(self.half), TILE_ROWS)]

    def _tile(self, rows: slice) -> tuple[Array, Array]:
        return self.kernel(self.half[rows] @ self.neurons.T)


class _CircleSums:
    """The same on a circle of equal whitened angles: the sum over centres is a convolution."""

    description = "FFT on the circle"

    def __init__(self, kernel: RemainderKernel, directions: _Directions) -> None:
        neurons = directions.neurons
        angle = np.arctan2(neurons[:, 1], neurons[:, 0])  # a half circle, from -pi/4
        self.order, self.parity = np.argsort(angle), kernel.parity
        self.tangents = np.stack([-neurons[:, 1], neurons[:, 0]], axis=1)
        self.neurons = neurons
        lag = np.arange(2 * len(neurons)) * np.pi / len(neurons)
        value, slope = kernel(np.cos(lag))
        self.value_hat = np.fft.rfft(value) / 2  # both halves of the circle are summed
        self.slope_hat = np.fft.rfft(-np.sin(lag) * slope) / 2
        edges = directions.half[len(neurons) :]
        self.edge_value, self.edge_slope = kernel(edges @ neurons.T)

    def __call__(self, folded: Array) -> tuple[Array, Array]:
        """(m,), (m, d) at the half stations, of folded outer weights."""
        half = folded[self.order]
        circle = np.fft.rfft(np.concatenate([half, self.parity * half]))
        sums, turns = np.empty((2, len(half)))
        sums[self.order] = np.fft.irfft(circle * self.value_hat)[: len(half)]
        turns[self.order] = np.fft.irfft(circle * self.slope_hat)[: len(half)]
        return (
            np.concatenate([sums, self.edge_value @ folded]),
            np.concatenate(
                [
                    turns[:, None] * self.tangents,
                    self.edge_slope @ (folded[:, None] * self.neurons),
                ]
            ),
        )


@dataclass(frozen=True)
class RemainderKernel:
    """kappa(c) - linear^2 c - constant^2 of an activation, its even or odd part, and the slope.

    whole : where all of it has that parity
    """

    activation: Activation
    kernel: DualKernel
    parity: int
    whole: bool

    def __call__(self, c: Array) -> tuple[Array, Array]:
        """Value and slope at correlations c."""
        value, slope = self._remainder(c)
        if self.whole:
            return value, slope
        mirrored, mirrored_slope = self._remainder(-c)
        return (
            0.5 * (value + self.parity * mirrored),
            0.5 * (slope - self.parity * mirrored_slope),
        )

    def _remainder(self, c: Array) -> tuple[Array, Array]:
        sigma = self.activation
        value = self.kernel.value(c) - sigma.linear**2 * c - sigma.constant**2
        return value, self.kernel.slope(c) - sigma.linear**2


def remainder_kernels(sigma: Activation) -> list[RemainderKernel]:
    """One for every parity that the parts of an activation have."""
    parities = sorted({part.parity for part in sigma.parts})
    kernel = DualKernel(sigma)
    return [RemainderKernel(sigma, kernel, parity, len(parities) == 1) for parity in parities]


def _kernel_sums(
    activation: Activation, directions: _Directions
) -> list[_KernelSums | _CircleSums]:
    kernels = remainder_kernels(activation)
    if directions.chart.dimension == 2 and directions.chart.keeps_angles:
        return [_CircleSums(kernel, directions) for kernel in kernels]
    budget = KERNEL_BYTES // max(len(kernels), 1)
    return [_KernelSums(kernel, directions, budget) for kernel in kernels]
