"""Independent references: exact flows on the sphere, and neurons integrated on their own.

Nothing here uses the package's activations, kernels, metric or stepping; the cubed sphere is used
for cell averages of exact densities only, by Gauss quadrature.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

from bnflow.kernels import Velocity, select
from bnflow.pde.geometry import CubedSphere, Stations

CONDITION_10 = {
    2: [10.0, 1.0],
    3: [10.0, 10**0.5, 1.0],
    4: [10.0, 10 ** (2 / 3), 10 ** (1 / 3), 1.0],
}


# --- densities on the sphere under a prescribed velocity ------------------------------------------


def cell_average(sphere: CubedSphere, function: Callable, order: int = 4) -> np.ndarray:
    """(2d, n, .., n): average over every cell of function(points), by Gauss quadrature."""
    nodes, weights = leggauss(order)
    total, volume = np.zeros(sphere.shape), np.zeros(sphere.shape)
    for index in np.ndindex(*[order] * sphere.axes):
        lines = [sphere.xi_centres + 0.5 * sphere.spacing * nodes[i] for i in index]
        points = sphere.points(lines)
        element = sphere.sqrt_metric(points) * np.prod([weights[i] for i in index])
        total, volume = total + element * function(points), volume + element
    return total / volume


def evolve(sphere: CubedSphere, start: np.ndarray, velocity: Callable, time: float) -> np.ndarray:
    """The density (2d, n, .., n) after `time` under an ambient velocity field, at CFL 0.45."""
    kernels, stations = select("numpy"), Stations(sphere)
    value, half = velocity(stations.full), len(stations.half)
    faces = kernels.face_velocities(
        *stations.unfold(value[:half], value[half:]), sphere.face_weights
    )
    steps = int(np.ceil(time * kernels.outflow(faces, sphere.volume)[0].max() / 0.45))
    fixed = (time / steps, Velocity(faces, None), sphere.volume, np.ones(1), None, "muscl")
    rho = start[..., None].copy()
    middle = np.empty_like(rho)
    for _ in range(steps):
        kernels.transport(middle, rho, None, (0.0, 1.0), *fixed, sphere.connectivity)
        kernels.transport(rho, middle, rho, (0.5, 0.5), *fixed, sphere.connectivity)
    return rho[..., 0]


class ConformalFlow:
    """u' = -grad(c.u) on the sphere: u(t).c = (s cosh t - sinh t)/(cosh t - s sinh t), s = u(0).c.

    Source: gradient flow of a linear function; it acts by conformal maps, which gives the density.
    """

    def __init__(self, d: int, time: float = 1.0) -> None:
        self.c = np.arange(1.0, d + 1) / np.linalg.norm(np.arange(1.0, d + 1))
        self.d, self.time = d, time

    def velocity(self, u: np.ndarray) -> np.ndarray:
        return -(self.c - u * (u @ self.c)[..., None])

    def dilation(self, u: np.ndarray) -> np.ndarray:
        """Length element at the start over that at u: the density of a uniform law is its power."""
        return 1.0 / (np.cosh(self.time) + (u @ self.c) * np.sinh(self.time))

    def origin(self, u: np.ndarray) -> np.ndarray:
        """Where the point that is now at u started."""
        s = u @ self.c
        start = (s * np.cosh(self.time) + np.sinh(self.time)) * self.dilation(u)
        across = u - s[..., None] * self.c
        across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-300)
        return start[..., None] * self.c + np.sqrt(np.maximum(1 - start**2, 0))[..., None] * across


# --- neurons, integrated on their own -------------------------------------------------------------


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(np.asarray(covariance, float))
    return vectors * np.sqrt(values) @ vectors.T


class _Neurons:
    """sigma(v.xt), v along root u: risk, field h and its gradient in u at weighted neurons."""

    root: np.ndarray

    def whitened(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        image = u @ self.root
        length = np.linalg.norm(image, axis=1, keepdims=True)
        return image / length, length

    def raw_gradient(self, v, length, gradient):
        tangent = gradient - v * (v * gradient).sum(axis=1, keepdims=True)
        return tangent @ self.root / length


class CircleReluPopulation(_Neurons):
    """ReLU on N(0, S), d = 2, by the Fourier series of its kernel on the whitened circle.

    kappa(cos t) = 2/pi^2 + cos(t)/4 + (4/pi^2) sum_j cos(2 j t)/(4 j^2 - 1)^2
    """

    def __init__(self, covariance, weights, angles, modes: int = 40) -> None:
        self.root = _root(covariance)
        j = np.arange(1, modes + 1)
        self.order = np.concatenate([[0, 1], 2 * j])
        self.weight = np.concatenate([[2 / np.pi**2, 0.25], 4 / np.pi**2 / (4 * j**2 - 1.0) ** 2])
        self.target = np.exp(1j * np.outer(np.asarray(angles), self.order)).T @ np.asarray(weights)

    def __call__(self, u, a, mass):
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
        risk = 0.5 * (self.weight * abs(off) ** 2).sum()
        return risk, (pull @ waves).real, self.raw_gradient(v, length, gradient)


class OnRows(_Neurons):
    """Any activation on given rows, normalised by their own moments."""

    def __init__(self, inputs, targets, activation, slope) -> None:
        mean = inputs.mean(axis=0)
        self.root = _root((inputs - mean).T @ (inputs - mean) / len(inputs))
        self.rows = np.linalg.solve(self.root, (inputs - mean).T).T
        self.targets, self.activation, self.slope = targets, activation, slope

    def __call__(self, u, a, mass):
        v, length = self.whitened(u)
        z = v @ self.rows.T
        active = self.activation(z)
        residual = (mass * a) @ active - self.targets
        n = len(residual)
        gradient = self.slope(z) @ (residual[:, None] * self.rows) / n
        risk = 0.5 * residual @ residual / n
        return risk, active @ residual / n, self.raw_gradient(v, length, gradient)


def integrate(neurons, u, a, mass, times, dt, *, outer: bool = True) -> np.ndarray:
    """Risk at the times: u' = -a grad h, a' = -h (or fixed), classical RK4, r = 1."""

    def slope(u, a):
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


def circle_nodes(count: int):
    angle = (np.arange(count) + 0.5) * 2 * np.pi / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1), np.full(count, 1 / count)


def sphere_nodes(heights: int):
    """Gauss-Legendre in height times equal angles, for the uniform law on S^2."""
    z, weight = leggauss(heights)
    angle = (np.arange(2 * heights) + 0.5) * np.pi / heights
    z, angle = (x.ravel() for x in np.meshgrid(z, angle, indexing="ij"))
    s = np.sqrt(1 - z**2)
    u = np.stack([s * np.cos(angle), s * np.sin(angle), z], axis=1)
    return u, np.repeat(weight / 2, 2 * heights) / (2 * heights)


def normal_nodes(std: float, panels: int, order: int):
    """Composite Gauss-Legendre nodes of N(0, std^2); Gauss-Hermite converges slowly here."""
    x, weight = leggauss(order)
    ends = np.linspace(-6.0, 6.0, panels + 1)
    half = np.diff(ends)[:, None] / 2
    z = (ends[:-1, None] + half * (1 + x)).ravel()
    mass = (half * weight).ravel() * np.exp(-z * z / 2)
    return std * z, mass / mass.sum()


def product_nodes(directions, outer):
    (u, direction_mass), (a, a_mass) = directions, outer
    return (
        np.repeat(u, len(a), axis=0),
        np.tile(a, len(u)),
        np.repeat(direction_mass, len(a)) * np.tile(a_mass, len(u)),
    )


@pytest.fixture(scope="session")
def exact() -> SimpleNamespace:
    """Prescribed flows: exact densities and the solver's answer."""
    return SimpleNamespace(
        cell_average=cell_average,
        evolve=evolve,
        ConformalFlow=ConformalFlow,
        condition_10=CONDITION_10,
    )


@pytest.fixture(scope="session")
def neurons() -> SimpleNamespace:
    """Weighted quadrature neurons, integrated independently of the package."""
    return SimpleNamespace(
        CircleReluPopulation=CircleReluPopulation,
        OnRows=OnRows,
        integrate=integrate,
        circle_nodes=circle_nodes,
        sphere_nodes=sphere_nodes,
        normal_nodes=normal_nodes,
        product_nodes=product_nodes,
    )
