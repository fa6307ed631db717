"""The interaction of neurons: from points and outer weights to the field at those points.

    f(x) = sum_j c_j sigma(p_j.x),  c_j = mass_j a_j,      h(p) = E[l'(f, y) sigma(p.x)] = dR/dc

and the ambient gradient of h in p, for every replica on its own. Three forms of the expectation:

    RowInteraction          mean over rows: two passes over (neurons x rows), in tiles in cache;
                            no activation is stored. Neurons are the host's, on every backend
    KernelInteraction       square loss on normal inputs, |p| = 1: h = K c - E[y sigma], K the dual
                            kernel, in tiles; on the circle with relu or abs by sorting (`circle`)
    HomogeneousInteraction  the same for points of any length and sigma(s z) = s sigma(z), s > 0:
                            h(p) = |p| h(p/|p|)

Shapes: points (replicas, neurons, d), outer c (replicas, neurons). Batch normalization is in the
points and rows alone (`charts`): whitened rows make it exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...kernels import Kernels
from ..network.activations import Activation
from ..network.dual import DualKernel
from ..network.loss import Loss
from ..network.target import Teacher
from .circle import Sums, sorted_sums
from .regression import by_overlaps, by_rows

Array = NDArray[np.float64]

TILE = 512  # neurons x neurons of a kernel tile: 2 MiB
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


class RowInteraction:
    """Expectations as means over the training rows."""

    def __init__(
        self, activation: Activation, loss: Loss, rows: Rows, test: Rows, kernels: Kernels
    ) -> None:
        self.activation, self.loss, self.kernels = activation, loss, kernels
        self.rows, self.test = rows, test

    def description(self) -> str:
        """One phrase that says which sums run."""
        return f"direct sums over {len(self.rows.inputs)} rows"

    def predict(self, points: Array, outer: Array, inputs: Array) -> Array:
        """(rows,): f of one replica, points (neurons, d), outer (neurons,)."""
        sigma = self.activation
        f: Array = sigma.linear * (inputs @ (outer @ points)) + sigma.constant * outer.sum()
        for part in sigma.parts:
            sums = self.kernels.pair_forward(part.remainder, sigma.gain * points, inputs, outer)
            f = f + part.weight * self.kernels.host(sums)
        return f

    def respond(self, points: Array, outer: Array) -> Response:
        """Risk, field and gradient."""
        risk, h, gradient = np.empty(len(points)), np.empty(outer.shape), np.empty(points.shape)
        for k, (p, c) in enumerate(zip(points, outer, strict=True)):
            f = self.predict(p, c, self.rows.inputs)
            risk[k] = self.loss.value(f, self.rows.targets).mean()
            residual = self.loss.slope(f, self.rows.targets) / len(f)
            h[k], gradient[k] = self._pull(p, residual)
        return Response(risk, h, gradient)

    def linear(self, points: Array, outer: Array) -> Linear:
        """The derivative of h and its gradient, of one replica."""
        f = self.predict(points, outer, self.rows.inputs)
        bend = self.loss.curvature(f, self.rows.targets) / len(f)
        return lambda c, w: self._pull(points, bend * self._pushed(points, c, w))

    def _pushed(self, points: Array, outer: Array, moved: Array) -> Array:
        """(rows,): sum_j c_j sigma(p_j.x) + w_j.x sigma'(p_j.x)."""
        inputs = self.rows.inputs
        f = self.predict(points, outer, inputs)
        for here in _tiles(len(inputs)):
            rows = inputs[here]
            for there in _tiles(len(points)):
                slope = self.activation.slope(rows @ points[there].T)
                f[here] += np.einsum("kj,kj->k", slope, rows @ moved[there].T)
        return f

    def regression(self, points: Array, mass: Array, ridge: float) -> Array:
        """(N,): the a of least squares with a ridge."""
        features = self.activation.value(self.rows.inputs @ points.T)
        return by_rows(features, self.rows.targets, mass, ridge)

    def _pull(self, points: Array, residual: Array) -> tuple[Array, Array]:
        """(neurons,) and (neurons, d): E[residual sigma(p.x)] and its gradient in p."""
        sigma, inputs = self.activation, self.rows.inputs
        mean = residual @ inputs
        h = sigma.linear * (points @ mean) + sigma.constant * residual.sum()
        gradient = np.broadcast_to(sigma.linear * mean, points.shape)
        for part in sigma.parts:
            pulls = self.kernels.pair_backward(
                part.remainder, sigma.gain * points, inputs, residual
            )
            sums, slopes = map(self.kernels.host, pulls)
            h, gradient = h + part.weight * sums, gradient + part.weight * sigma.gain * slopes
        return h, gradient

    def test_risk(self, points: Array, outer: Array) -> Array:
        """(replicas,): mean loss over held-out rows; NaN where there are none."""
        if not len(self.test.inputs):
            return np.full(len(points), np.nan)
        pairs = zip(points, outer, strict=True)
        f = [self.predict(p, c, self.test.inputs) for p, c in pairs]
        return np.array([self.loss.value(each, self.test.targets).mean() for each in f])


class KernelInteraction:
    """Expectations over the normal law, by dual kernels; square loss, points of length one."""

    def __init__(self, activation: Activation, target: Teacher, dimension: int) -> None:
        self.activation, self.target = activation, target
        self.target_moment = target.second_moment() + target.noise**2
        on_circle = sorted_sums(activation) if dimension == 2 else None
        self.sums: Sums = on_circle or _KernelTiles(activation)
        self._description = "sorted sums on the circle" if on_circle else "dual-kernel tiles"

    def description(self) -> str:
        """One phrase that says which sums run."""
        return self._description

    def respond(self, points: Array, outer: Array) -> Response:
        """Risk, field and gradient."""
        risk, h, gradient = np.empty(len(points)), np.empty(outer.shape), np.empty(points.shape)
        for k, (v, c) in enumerate(zip(points, outer, strict=True)):
            value, slope = self.sums(v, c)
            wanted, wanted_slope = self.target.correlation(v, self.activation)
            risk[k] = 0.5 * (c @ (value - 2 * wanted) + self.target_moment)
            h[k], gradient[k] = value - wanted, slope - wanted_slope
        return Response(risk, h, gradient)

    def linear(self, points: Array, outer: Array) -> Linear:
        """The derivative of h and its tangent gradient, w tangent; matrices of all pairs are kept.

        grad_v grad_v' kappa(v.v') = kappa' + kappa'' v' v^T
        """
        kernel = DualKernel(self.activation)
        cosine = points @ points.T
        value, slope, bend = kernel.value(cosine), kernel.slope(cosine), _second(kernel, cosine)

        def changed(c: Array, w: Array) -> tuple[Array, Array]:
            h = value @ c + ((slope @ w) * points).sum(axis=1)
            crossed = bend * (points @ w.T)
            return h, slope @ (c[:, None] * points + w) + crossed @ points

        return changed

    def regression(self, points: Array, mass: Array, ridge: float) -> Array:
        """(N,): the a of least squares with a ridge."""
        return by_overlaps(*self.overlaps(points), mass, ridge)

    def overlaps(self, points: Array) -> tuple[Array, Array]:
        """E[sigma(v_i.x) sigma(v_j.x)] (N, N) and E[y sigma(v_i.x)] (N,)."""
        overlap = DualKernel(self.activation).value(points @ points.T)
        return overlap, self.target.correlation(points, self.activation)[0]

    def test_risk(self, points: Array, outer: Array) -> Array:
        """NaN: nothing is held out of a law that is known exactly."""
        return np.full(len(points), np.nan)


def _second(kernel: DualKernel, cosine: Array) -> Array:
    """kappa'', by a central difference in the angle; 0 where v and v' are on one line."""
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    ahead, behind = (kernel.slope(np.cos(angle + turn)) for turn in (TURN, -TURN))
    sine = np.sin(angle)
    apart = sine > ON_ONE_LINE
    return np.where(apart, (behind - ahead) / (2 * TURN * np.where(apart, sine, 1.0)), 0.0)


def _tiles(length: int) -> Iterator[slice]:
    return (slice(start, start + TILE) for start in range(0, length, TILE))


class _KernelTiles:
    """sum_j c_j kappa(v_i.v_j) and its gradient in v_i, tile by tile."""

    def __init__(self, activation: Activation) -> None:
        self.kernel = DualKernel(activation)

    def __call__(self, v: Array, c: Array) -> tuple[Array, Array]:
        sums, slopes, moved = np.zeros(len(v)), np.zeros(v.shape), c[:, None] * v
        for here in _tiles(len(v)):
            for there in _tiles(len(v)):
                cosine = v[here] @ v[there].T
                sums[here] += self.kernel.value(cosine) @ c[there]
                slopes[here] += self.kernel.slope(cosine) @ moved[there]
        return sums, slopes


class HomogeneousInteraction:
    """Points of any length, for an activation of degree one; see the module."""

    def __init__(self, sphere: KernelInteraction) -> None:
        self.sphere = sphere

    def description(self) -> str:
        """One phrase that says which sums run."""
        return self.sphere.description()

    def respond(self, points: Array, outer: Array) -> Response:
        """Risk, field and gradient."""
        length, v = _polar(points)
        inner = self.sphere.respond(v, outer * length)
        radial = np.einsum("...d,...d->...", inner.gradient, v)
        gradient = inner.gradient + v * (inner.h - radial)[..., None]
        return Response(inner.risk, length * inner.h, gradient)

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
        length, v = _polar(points)
        overlap, wanted = self.sphere.overlaps(v)
        return by_overlaps(overlap * np.outer(length, length), length * wanted, mass, ridge)

    def test_risk(self, points: Array, outer: Array) -> Array:
        """NaN: nothing is held out of a law that is known exactly."""
        return self.sphere.test_risk(points, outer)


def _polar(points: Array) -> tuple[Array, Array]:
    """Lengths and directions."""
    length = np.linalg.norm(points, axis=-1)
    return length, points / np.where(length > 0, length, 1.0)[..., None]
