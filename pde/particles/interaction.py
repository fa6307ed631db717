"""The interaction of neurons: from points and outer weights to the field at those points.

    f(x) = sum_j c_j sigma(p_j.x),  c_j = mass_j a_j,      h(p) = E[l'(f, y) sigma(p.x)] = dR/dc

and the ambient gradient of h in p, for every replica on its own. Three forms of the expectation:

    RowInteraction          mean over rows: two passes over (neurons x rows), in tiles in cache;
                            no activation is stored
    KernelInteraction       square loss on normal inputs, |p| = 1: h = K c - E[y sigma], K the dual
                            kernel, in tiles; on the circle with relu or abs by sorting (`circle`),
                            from so many neurons on as the backend says
    HomogeneousInteraction  the same for points of any length and sigma(s z) = s sigma(z), s > 0:
                            h(p) = |p| h(p/|p|)

Shapes: points (replicas, neurons, d), outer c (replicas, neurons), of the backend. Batch
normalization is in the points and rows alone (`charts`): whitened rows make it exact. The host does
two things alone: it solves the regression for a, and makes what the sharpness takes besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...kernels import Kernels
from ...kernels.contract import OverlapSums
from ...kernels.reference.interaction import tiles
from ..network.activations import Activation
from ..network.dual import DualKernel
from ..network.kernel_sums import whole_sums
from ..network.loss import Loss
from ..network.target import Teacher
from ..products import inner, product
from .circle import Sums, sorted_sums
from .regression import by_overlaps, by_rows

Array = NDArray[np.float64]

TILE = 512  # rows x neurons: 2 MiB
TURN = 1e-4  # of the angle, for a second derivative to about 1e-8
ON_ONE_LINE = 1e-7  # sine of an angle


@dataclass(frozen=True)
class Response:
    """What the outer weights do. risk (replicas,); h (replicas, neurons); gradient (.., d)."""

    risk: Array
    h: Array
    gradient: Array


Linear = Callable[[Array, Array], tuple[Array, Array]]
"""(N,) and (N, d), a change of outer weights and of points -> that of h and of its gradient.

The change of points counts by w.grad_p sigma, with the outer weight in w.
"""


class NeuronInteraction(Protocol):
    """Maps points and outer weights to the field."""

    def replayable(self, neurons: int) -> bool:
        """Whether a device may record `respond`, of so many; see `Kernels.recorded`."""
        ...

    def respond(self, points: Array, outer: Array) -> Response:
        """Risk, field and gradient."""
        ...

    def linear(self, points: Array, outer: Array) -> Linear:
        """The derivative of h and its gradient, of one replica: points (N, d), outer (N,)."""
        ...

    def regression(self, points: Array, mass: Array, ridge: float) -> Array:
        """(N,): the a that minimise R + ridge/2 sum_j mass_j a_j^2, square loss, of one replica."""
        ...

    def test_risk(self, points: Array, outer: Array) -> Array:
        """(replicas,): mean loss over held-out rows; NaN where there are none."""
        ...

    def description(self) -> str:
        """One phrase that says which sums run."""
        ...


@dataclass(frozen=True)
class Rows:
    """inputs (n, d) as the neurons meet them, targets (n,)."""

    inputs: Array
    targets: Array

    def on(self, kernels: Kernels) -> Rows:
        """The rows on a backend."""
        return Rows(kernels.array(self.inputs), kernels.array(self.targets))


class RowInteraction:
    """Expectations as means over the training rows."""

    def __init__(
        self, activation: Activation, loss: Loss, rows: Rows, test: Rows, kernels: Kernels
    ) -> None:
        self.activation, self.loss, self.kernels = activation, loss, kernels
        self.rows, self.test = rows.on(kernels), test.on(kernels)

    def description(self) -> str:
        """One phrase that says which sums run."""
        return f"direct sums over {len(self.rows.inputs)} rows"

    def replayable(self, neurons: int) -> bool:
        """Always."""
        return True

    def predict(self, points: Array, outer: Array, inputs: Array) -> Array:
        """(rows,): f of one replica, points (neurons, d), outer (neurons,)."""
        sigma = self.activation
        along = product(inputs, product(outer, points))
        f: Array = sigma.linear * along + sigma.constant * self._total(outer)
        for part in sigma.parts:
            sums = self.kernels.pair_forward(part.remainder, sigma.gain * points, inputs, outer)
            f = f + part.weight * sums
        return f

    def _total(self, values: Array) -> Array:
        total: Array = self.kernels.totals(values[None])[0]
        return total

    def respond(self, points: Array, outer: Array) -> Response:
        """Risk, field and gradient."""
        risk, h, gradient = (np.empty_like(x) for x in (outer[:, 0], outer, points))
        for k, (p, c) in enumerate(zip(points, outer, strict=True)):
            f = self.predict(p, c, self.rows.inputs)
            risk[k] = self._total(self.loss.value(f, self.rows.targets)) / len(f)
            residual = self.loss.slope(f, self.rows.targets) / len(f)
            h[k], gradient[k] = self._pull(p, residual)
        return Response(risk, h, gradient)

    def linear(self, points: Array, outer: Array) -> Linear:
        """The derivative of h and its gradient, of one replica."""
        f = self.predict(points, outer, self.rows.inputs)
        bend = self.loss.curvature(f, self.rows.targets) / len(f)
        return lambda c, w: self._pull(points, bend * self._pushed(points, c, w))

    def _pushed(self, points: Array, outer: Array, moved: Array) -> Array:
        """(rows,): sum_j c_j sigma(p_j.x) + w_j.x sigma'(p_j.x); the latter on the host."""
        inputs, p, w = map(self.kernels.host, (self.rows.inputs, points, moved))
        turned = np.zeros(len(inputs))
        for here in tiles(len(inputs), TILE):
            rows = inputs[here]
            for there in tiles(len(p), TILE):
                slope = self.activation.slope(rows @ p[there].T)
                turned[here] += np.einsum("kj,kj->k", slope, rows @ w[there].T)
        return self.predict(points, outer, self.rows.inputs) + self.kernels.array(turned)

    def regression(self, points: Array, mass: Array, ridge: float) -> Array:
        """(N,): the a of least squares with a ridge."""
        host = self.kernels.host
        features = self.activation.value(host(self.rows.inputs) @ host(points).T)
        a = by_rows(features, host(self.rows.targets), host(mass), ridge)
        return self.kernels.array(a)

    def _pull(self, points: Array, residual: Array) -> tuple[Array, Array]:
        """(neurons,) and (neurons, d): E[residual sigma(p.x)] and its gradient in p."""
        sigma, inputs = self.activation, self.rows.inputs
        mean = product(residual, inputs)
        h = sigma.linear * product(points, mean) + sigma.constant * self._total(residual)
        gradient = np.broadcast_to(sigma.linear * mean, points.shape)
        for part in sigma.parts:
            sums, slopes = self.kernels.pair_backward(
                part.remainder, sigma.gain * points, inputs, residual
            )
            h, gradient = h + part.weight * sums, gradient + part.weight * sigma.gain * slopes
        return h, gradient

    def test_risk(self, points: Array, outer: Array) -> Array:
        """(replicas,): mean loss over held-out rows; NaN where there are none."""
        if not len(self.test.inputs):
            return np.full_like(outer[:, 0], np.nan)
        risk = np.empty_like(outer[:, 0])
        for k, (p, c) in enumerate(zip(points, outer, strict=True)):
            f = self.predict(p, c, self.test.inputs)
            risk[k] = self._total(self.loss.value(f, self.test.targets)) / len(f)
        return risk


class KernelInteraction:
    """Expectations over the normal law, by dual kernels; square loss, points of length one."""

    def __init__(
        self, activation: Activation, target: Teacher, dimension: int, kernels: Kernels
    ) -> None:
        self.activation, self.target, self.kernels = activation, target, kernels
        self.target_moment = target.second_moment() + target.noise**2
        self.correlation = target.correlations(activation, kernels)
        self.sorted = sorted_sums(activation) if dimension == 2 else None
        self.pairs: Sums | None = None
        if self.sorted is None or kernels.sorts_from:
            self.pairs = _pair_sums(whole_sums(kernels, activation))

    def description(self) -> str:
        """One phrase that says which sums run."""
        if self.sorted is None:
            return "dual-kernel tiles"
        few = self.kernels.sorts_from
        return "sorted sums on the circle" + (f", dual-kernel tiles below {few:,}" if few else "")

    def replayable(self, neurons: int) -> bool:
        """Unless they are sorted, for which there is a library."""
        return self.sorted is None or neurons < self.kernels.sorts_from

    def respond(self, points: Array, outer: Array) -> Response:
        """Risk, field and gradient."""
        risk, h, gradient = (np.empty_like(x) for x in (outer[:, 0], outer, points))
        many = outer.shape[1] >= self.kernels.sorts_from
        sums = (self.sorted if many else None) or self.pairs
        assert sums is not None
        for k, (v, c) in enumerate(zip(points, outer, strict=True)):
            value, slope = sums(v, c)
            wanted, wanted_slope = self.correlation(v)
            risk[k] = 0.5 * (product(c, value - 2 * wanted) + self.target_moment)
            h[k], gradient[k] = value - wanted, slope - wanted_slope
        return Response(risk, h, gradient)

    def linear(self, points: Array, outer: Array) -> Linear:
        """The derivative of h and its tangent gradient, w tangent; matrices of all pairs are kept.

        grad_v grad_v' kappa(v.v') = kappa' + kappa'' v' v^T
        """
        kernel, on_host = DualKernel(self.activation), self.kernels.host(points)
        cosine = on_host @ on_host.T
        made = kernel.value(cosine), kernel.slope(cosine), _second(kernel, cosine)
        value, slope, bend = map(self.kernels.array, made)

        def changed(c: Array, w: Array) -> tuple[Array, Array]:
            h = value @ c + ((slope @ w) * points).sum(axis=1)
            crossed = bend * (points @ w.T)
            return h, slope @ (c[:, None] * points + w) + crossed @ points

        return changed

    def regression(self, points: Array, mass: Array, ridge: float) -> Array:
        """(N,): the a of least squares with a ridge."""
        points, mass = self.kernels.host(points), self.kernels.host(mass)
        return self.kernels.array(by_overlaps(*self.overlaps(points), mass, ridge))

    def overlaps(self, points: Array) -> tuple[Array, Array]:
        """E[sigma(v_i.x) sigma(v_j.x)] (N, N) and E[y sigma(v_i.x)] (N,), of the host."""
        overlap = DualKernel(self.activation).value(points @ points.T)
        return overlap, self.target.correlation(points, self.activation)[0]

    def test_risk(self, points: Array, outer: Array) -> Array:
        """NaN: nothing is held out of a law that is known exactly."""
        return np.full_like(outer[:, 0], np.nan)


def _second(kernel: DualKernel, cosine: Array) -> Array:
    """kappa'', by a central difference in the angle; 0 where v and v' are on one line."""
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    ahead, behind = (kernel.slope(np.cos(angle + turn)) for turn in (TURN, -TURN))
    sine = np.sin(angle)
    apart = sine > ON_ONE_LINE
    return np.where(apart, (behind - ahead) / (2 * TURN * np.where(apart, sine, 1.0)), 0.0)


def _pair_sums(sums: OverlapSums) -> Sums:
    """Of neurons at the points themselves."""
    return lambda v, c: sums(v, v, c)


class HomogeneousInteraction:
    """Points of any length, for an activation of degree one; see the module."""

    def __init__(self, sphere: KernelInteraction) -> None:
        self.sphere = sphere

    def description(self) -> str:
        """One phrase that says which sums run."""
        return self.sphere.description()

    def replayable(self, neurons: int) -> bool:
        """As they are on the sphere."""
        return self.sphere.replayable(neurons)

    def respond(self, points: Array, outer: Array) -> Response:
        """Risk, field and gradient."""
        length, v = _polar(points)
        there = self.sphere.respond(v, outer * length)
        radial = inner(there.gradient, v)
        gradient = there.gradient + v * (there.h - radial)[..., None]
        return Response(there.risk, length * there.h, gradient)

    def linear(self, points: Array, outer: Array) -> Linear:
        """The derivative of h and its gradient: w splits into a part along v and one across."""
        length, v = _polar(points)
        sphere = self.sphere.linear(v, outer * length)

        def changed(c: Array, w: Array) -> tuple[Array, Array]:
            along = np.einsum("nd,nd->n", w, v)
            h, gradient = sphere(c * length + along, w - along[:, None] * v)
            radial = np.einsum("nd,nd->n", gradient, v)
            return length * h, gradient + v * (h - radial)[:, None]

        return changed

    def regression(self, points: Array, mass: Array, ridge: float) -> Array:
        """(N,): the a of least squares with a ridge."""
        kernels = self.sphere.kernels
        length, v = _polar(kernels.host(points))
        overlap, wanted = self.sphere.overlaps(v)
        overlap = overlap * np.outer(length, length)
        return kernels.array(by_overlaps(overlap, length * wanted, kernels.host(mass), ridge))

    def test_risk(self, points: Array, outer: Array) -> Array:
        """NaN: nothing is held out of a law that is known exactly."""
        return self.sphere.test_risk(points, outer)


def _polar(points: Array) -> tuple[Array, Array]:
    """Lengths and directions."""
    length: Array = np.linalg.norm(points, axis=-1)
    return length, points / np.where(length > 0, length, 1.0)[..., None]
