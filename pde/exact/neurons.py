"""The density as weighted neurons on quadrature nodes, integrated on their own.

    u' = -a grad_u h(u),   a' = -h(u),   h = dR/dm at the neurons' own masses;   r = |w| = 1

Smooth initial laws on Gauss or trapezoidal nodes make the sums over neurons converge spectrally,
and classical Runge-Kutta leaves dt^4: refined until it does not change, this is exact beside a
grid. Risk, field and gradient have two forms, neither with a grid:

    CircleReluPopulation   ReLU on N(0, S), d = 2, by the Fourier series of its dual kernel:
        kappa(cos t) = 2/pi^2 + cos(t)/4 + (4/pi^2) sum_j cos(2 j t)/(4 j^2 - 1)^2
    OnRows                 any activation on given rows, normalised by their own moments

u (k, d) unit raw directions, a and mass (k,), the masses sum to 1. Square loss. Directions move
with the round metric in u, the gradient comes through v = S^(1/2) u/|S^(1/2) u|.
Source of the series: cosine transform of (sin t + (pi - t) cos t)/(2 pi) on [0, pi].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Nodes = tuple[Array, Array]
Function = Callable[[Array], Array]
Response = tuple[float, Array, Array]  # risk, h (k,), grad_u h (k, d)


def _root(covariance: ArrayLike) -> Array:
    values, vectors = np.linalg.eigh(np.asarray(covariance, float))
    return np.asarray(vectors * np.sqrt(values) @ vectors.T)


class Neurons(ABC):
    """sigma(v.xt) with v along root u: called with (u, a, mass) it gives the response."""

    root: Array

    @abstractmethod
    def __call__(self, u: Array, a: Array, mass: Array) -> Response:
        """Risk, field and its gradient at the neurons."""

    def whitened(self, u: Array) -> tuple[Array, Array]:
        """v (k, d) and |S^(1/2) u| (k, 1)."""
        image = u @ self.root
        length = np.linalg.norm(image, axis=1, keepdims=True)
        return image / length, length

    def raw_gradient(self, v: Array, length: Array, gradient: Array) -> Array:
        """(k, d): from the gradient in v to that in u."""
        tangent = gradient - v * (v * gradient).sum(axis=1, keepdims=True)
        return np.asarray(tangent @ self.root / length)


class CircleReluPopulation(Neurons):
    """ReLU on N(0, covariance) in the plane.

    weights, angles : of the teacher's whitened directions; modes : of the series, even ones; what
    is left out of h is below 0.03/modes^3
    """

    def __init__(
        self,
        covariance: ArrayLike,
        weights: Sequence[float],
        angles: Sequence[float],
        modes: int = 40,
    ) -> None:
        self.root = _root(covariance)
        j = np.arange(1, modes + 1)
        self.order = np.concatenate([[0, 1], 2 * j])
        self.weight = np.concatenate([[2 / np.pi**2, 0.25], 4 / np.pi**2 / (4 * j**2 - 1.0) ** 2])
        self.target = np.exp(1j * np.outer(np.asarray(angles), self.order)).T @ np.asarray(weights)

    def __call__(self, u: Array, a: Array, mass: Array) -> Response:
        """Risk, field and its gradient at the neurons."""
        v, length = self.whitened(u)
        z = v[:, 0] + 1j * v[:, 1]
        powers = [np.ones_like(z), z]
        for _ in self.order[2:]:
            powers.append(powers[0 if len(powers) == 2 else -1] * z * z)
        waves = np.array(powers)
        off = waves @ (mass * a) - self.target
        pull = self.weight * off.conj()
        slope = ((1j * self.order * pull) @ waves).real
        gradient = slope[:, None] * np.stack([-v[:, 1], v[:, 0]], axis=1)
        risk = 0.5 * float((self.weight * abs(off) ** 2).sum())
        return risk, (pull @ waves).real, self.raw_gradient(v, length, gradient)


class OnRows(Neurons):
    """Any activation on rows `inputs` (n, d), `targets` (n,)."""

    def __init__(
        self, inputs: Array, targets: Array, activation: Function, slope: Function
    ) -> None:
        mean = inputs.mean(axis=0)
        self.root = _root((inputs - mean).T @ (inputs - mean) / len(inputs))
        self.rows = np.linalg.solve(self.root, (inputs - mean).T).T
        self.targets, self.activation, self.slope = targets, activation, slope

    def __call__(self, u: Array, a: Array, mass: Array) -> Response:
        """Risk, field and its gradient at the neurons."""
        v, length = self.whitened(u)
        z = v @ self.rows.T
        active = self.activation(z)
        residual = (mass * a) @ active - self.targets
        n = len(residual)
        gradient = self.slope(z) @ (residual[:, None] * self.rows) / n
        risk = 0.5 * float(residual @ residual) / n
        return risk, active @ residual / n, self.raw_gradient(v, length, gradient)


def integrate(
    neurons: Neurons,
    u: Array,
    a: Array,
    mass: Array,
    times: Sequence[float],
    dt: float,
    *,
    outer: bool = True,
) -> Array:
    """(times,): risk at the times, by classical RK4 with steps of at most dt.

    outer : whether a moves
    """

    def slope(u: Array, a: Array) -> Nodes:
        _, h, gradient = neurons(u, a, mass)
        return -a[:, None] * gradient, (-h if outer else np.zeros_like(h))

    risks, now = [], 0.0
    for time in times:
        steps = int(np.ceil((time - now) / dt - 1e-9))
        k = (time - now) / steps if steps else 0.0
        for _ in range(steps):
            u1, a1 = slope(u, a)
            u2, a2 = slope(u + k / 2 * u1, a + k / 2 * a1)
            u3, a3 = slope(u + k / 2 * u2, a + k / 2 * a2)
            u4, a4 = slope(u + k * u3, a + k * a3)
            u = u + k / 6 * (u1 + 2 * u2 + 2 * u3 + u4)
            a = a + k / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
            u = u / np.linalg.norm(u, axis=1, keepdims=True)
        now = time
        risks.append(neurons(u, a, mass)[0])
    return np.array(risks)


def circle_nodes(count: int) -> Nodes:
    """Directions and masses of the uniform law on the circle: the trapezoidal rule."""
    angle = (np.arange(count) + 0.5) * 2 * np.pi / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1), np.full(count, 1 / count)


def sphere_nodes(heights: int) -> Nodes:
    """Gauss-Legendre in height times equal angles, for the uniform law on S^2."""
    z, weight = leggauss(heights)
    angle = (np.arange(2 * heights) + 0.5) * np.pi / heights
    z, angle = (x.ravel() for x in np.meshgrid(z, angle, indexing="ij"))
    s = np.sqrt(1 - z**2)
    u = np.stack([s * np.cos(angle), s * np.sin(angle), z], axis=1)
    return u, np.repeat(weight / 2, 2 * heights) / (2 * heights)


def normal_nodes(std: float, panels: int, order: int) -> Nodes:
    """Composite Gauss-Legendre nodes of N(0, std^2); Gauss-Hermite converges slowly here."""
    x, weight = leggauss(order)
    ends = np.linspace(-6.0, 6.0, panels + 1)
    half = np.diff(ends)[:, None] / 2
    z = (ends[:-1, None] + half * (1 + x)).ravel()
    mass = (half * weight).ravel() * np.exp(-z * z / 2)
    return std * z, mass / mass.sum()


def product_nodes(directions: Nodes, outer: Nodes) -> tuple[Array, Array, Array]:
    """u, a and mass of independent directions and outer weights."""
    (u, direction_mass), (a, a_mass) = directions, outer
    return (
        np.repeat(u, len(a), axis=0),
        np.tile(a, len(u)),
        np.repeat(direction_mass, len(a)) * np.tile(a_mass, len(u)),
    )
