"""Drift and diffusion under a fixed potential: heat, equilibrium, vacuum, every Peclet number.

    rho_t = div(rho grad(a h + tau log rho)),   a = 1, h given

References, each in its own basis and none of the package's: harmonics decay at l(l+d-2) tau; the
linear potential h = c.u is tridiagonal in Fourier modes on the circle, and a small matrix between
Legendre polynomials of c.u on the sphere.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import legendre
from scipy.linalg import expm

from bnflow.kernels import Velocity, select
from bnflow.kernels.contract import Heat, Stencil
from bnflow.pde.density.stencil import stencil
from bnflow.pde.exact.heat import HeatMode
from bnflow.pde.geometry import CubedSphere
from bnflow.pde.stepping.control import StepControl

Array = Any
KERNELS = select("numpy")
CONTROL = StepControl(cfl=0.45, tolerance=1.0)


class Noisy:
    """One value of a, a fixed field h, and noise, on a sphere of radius one."""

    def __init__(self, d: int, cells: int, h: Callable[[Array], Array], tau: float) -> None:
        self.sphere, self.tau = CubedSphere(d, cells), tau
        self.h, self.volume = h(self.sphere.centres), self.sphere.volume
        self.stencil = stencil(self.sphere, self.sphere.face_weights, lambda vector, _: vector)
        faces = [np.zeros(w.shape[:-1]) for w in self.sphere.face_weights]
        self.velocity = Velocity(faces, None, heat=Heat(tau, self.h))

    def grid(self) -> tuple[Any, ...]:
        return np.ones(1), None, self.sphere.connectivity

    def outflow(self, rho: Array) -> float:
        a, width, table = self.grid()
        return KERNELS.thermal_outflow(
            np.empty_like(rho), rho, self.velocity, self.volume, a, width, table, self.stencil
        )

    def stage(self, rho: Array, base: Array | None, weights: tuple[float, float], dt: float) -> Any:
        a, width, table = self.grid()
        out = np.empty_like(rho)
        fixed = (self.velocity, self.volume, a, width, "muscl", table, self.stencil)
        KERNELS.thermal_transport(out, rho, base, weights, dt, *fixed)
        return out

    def damped(self) -> float:
        """The control's limit: diffusion, with the drift that the field alone would have."""
        faces = [np.moveaxis(k, 1 + i, 1) for i, k in enumerate(self.stencil.compact)]
        total = sum(np.moveaxis(k[:, 1:] + k[:, :-1], 1, 1 + i) for i, k in enumerate(faces))
        slope = np.sqrt(((self.h - self.h.mean()) ** 2).max())  # of size |grad h| for c.u
        drift = slope * 2 * self.sphere.axes / self.sphere.spacing
        return CONTROL.damped(drift, self.tau * float((total / self.volume).max()))

    def evolve(self, rho: Array, time: float, watch: Callable[[Array], None] = lambda _: None):
        now = 0.0
        while now < time:
            dt = min(self.damped(), CONTROL.stable(self.outflow(rho)), time - now)
            middle = self.stage(rho, None, (0.0, 1.0), dt)
            while dt * self.outflow(middle) > 0.5:
                dt /= 2
                middle = self.stage(rho, None, (0.0, 1.0), dt)
            rho = self.stage(middle, rho, (0.5, 0.5), dt)
            now += dt
            watch(rho)
        return rho

    def gibbs(self) -> Array:
        rho = np.exp(-(self.h - self.h.min()) / self.tau)
        return (rho / (rho * self.volume).sum())[..., None]

    def energy(self, rho: Array) -> float:
        q = rho[..., 0]
        return float((self.volume * q * (self.h + self.tau * np.log(np.maximum(q, 1e-300)))).sum())

    def average(self, density: Callable[[Array], Array]) -> Array:
        parts = list(self.sphere.gauss_points(4))
        total = sum(element * density(points) for points, element in parts)
        return total / sum(element for _, element in parts)

    def l1(self, rho: Array, truth: Array) -> float:
        return float((abs(rho[..., 0] - truth) * self.volume).sum() / self.volume.sum())


def axis_of(d: int) -> Array:
    return np.arange(1.0, d + 1) / np.linalg.norm(np.arange(1.0, d + 1))


def zero(u: Array) -> Array:
    return np.zeros(u.shape[:-1])


# --- heat -----------------------------------------------------------------------------------------


def rate_error(d: int, cells: int, degree: int, changed: Callable = lambda s: s) -> float:
    """Relative error of the decay rate of a small harmonic, over half of its life."""
    made = Noisy(d, cells, zero, 1.0)
    made.stencil = changed(made.stencil)
    mode = HeatMode(d, degree)
    wave, rate = mode.harmonic(made.sphere.centres), mode.rate
    start = (1 + 1e-2 * wave)[..., None]
    end = made.evolve(start, 0.5 / rate)
    amplitudes = [((rho[..., 0] - 1) * wave * made.volume).sum() for rho in (start, end)]
    return abs(2 * np.log(amplitudes[0] / amplitudes[1]) - 1)


@pytest.mark.parametrize(
    ("d", "cells", "degree", "bound"),
    [
        # numerics check 8, over l(l+d-2)
        (2, 32, 1, 3e-4),
        (2, 32, 2, 1e-3),
        (2, 32, 4, 5e-3),
        (3, 16, 1, 1.2e-3),
        (3, 16, 2, 4e-3),
        (3, 16, 4, 1.4e-2),
        (4, 12, 1, 1.3e-3),
        (4, 12, 2, 5e-3),
    ],
)
def test_heat_decays_at_the_laplacians_rate_to_second_order(
    d: int, cells: int, degree: int, bound: float
) -> None:
    fine, coarse = (rate_error(d, n, degree) for n in (cells, cells // 2))
    assert fine <= bound
    assert np.log2(coarse / fine) >= 1.9


def test_differences_across_faces_alone_are_noticed() -> None:
    """Without the cross-metric term the rate on S^2 does not converge."""

    def two_point(s: Stencil) -> Stencil:
        return Stencil(s.dual, s.speed, [np.zeros_like(c) for c in s.cross], s.compact)

    assert rate_error(3, 16, 1, two_point) > 8e-3


# --- structure ------------------------------------------------------------------------------------


def bent(u: Array) -> Array:
    return u @ axis_of(u.shape[-1]) + 0.5 * np.maximum(u[..., 0], 0.0)


@pytest.mark.parametrize(("d", "cells"), [(2, 32), (3, 12), (4, 6)])
@pytest.mark.parametrize("tau", [0.3, 0.03])
def test_the_gibbs_state_is_kept(d: int, cells: int, tau: float) -> None:
    """||rho - pi||_1 <= 1e-14 after a hundred steps of the length that noise allows."""
    made = Noisy(d, cells, bent, tau)
    pi, count = made.gibbs(), 0

    def count_up(_: Array) -> None:
        nonlocal count
        count += 1

    end = made.evolve(pi, 100 * made.damped(), count_up)
    assert count >= 100
    assert (abs(end - pi)[..., 0] * made.volume).sum() <= 1e-14


@pytest.mark.parametrize(
    ("d", "cells", "tau"), [(2, 32, 0.3), (2, 32, 0.003), (3, 8, 0.03), (4, 5, 0.03)]
)
def test_from_a_single_cell_positive_and_downhill(d: int, cells: int, tau: float) -> None:
    """Vacuum everywhere else: minimum 0, mass kept, and a free energy that never rises."""
    made = Noisy(d, cells, bent, tau)
    rho = np.zeros((*made.sphere.shape, 1))
    rho[(1, *[0] * (d - 1))] = 1 / made.volume[(1, *[0] * (d - 1))]  # in a corner of a panel
    energies, least = [made.energy(rho)], [0.0]

    def watch(now: Array) -> None:
        energies.append(made.energy(now))
        least.append(now.min())

    end = made.evolve(rho, 60 * made.damped(), watch)
    assert min(least) >= 0.0
    assert (end[..., 0] * made.volume).sum() == pytest.approx(1, abs=1e-13)
    assert np.diff(energies).max() <= 1e-14
    assert len(energies) > 60


@pytest.mark.parametrize(("d", "cells"), [(2, 16), (3, 8), (4, 5)])
def test_the_alternating_mode_decays_at_the_longest_step(d: int, cells: int) -> None:
    """Signs alternate from cell to cell: of all modes, the one that explicit stages lose first."""
    made = Noisy(d, cells, zero, 1.0)
    signs = (-1.0) ** np.indices(made.sphere.shape)[1:].sum(axis=0)
    rho, dt = 1 + 1e-3 * signs[..., None], made.damped()
    for _ in range(40):
        rho = made.stage(made.stage(rho, None, (0.0, 1.0), dt), rho, (0.5, 0.5), dt)
    assert abs(rho - 1).max() < 5e-4


# --- the Peclet range -----------------------------------------------------------------------------


def on_the_circle(tau: float, time: float, modes: int = 120) -> Callable[[Array], Array]:
    """The density from the uniform one under Psi = cos(t - t0): modes k couple to k - 1, k + 1."""
    k = np.arange(-modes, modes + 1)
    matrix = np.diag(-tau * k**2.0)
    matrix += np.diag(-k[1:] / 2.0, -1) + np.diag(k[:-1] / 2.0, 1)  # (rho Psi')' of Psi' = -sin
    waves = expm(matrix * time)[:, modes]
    c = axis_of(2)

    def density(u: Array) -> Array:
        angle = np.arctan2(u[..., 1], u[..., 0]) - np.arctan2(c[1], c[0])
        return sum(w * np.cos(i * angle) for i, w in zip(k, waves, strict=True))

    return density


def on_the_sphere(tau: float, time: float, modes: int = 60) -> Callable[[Array], Array]:
    """The same on S^2 in x = c.u: rho_t = ((1 - x^2)(rho + tau rho_x))_x, by Galerkin."""
    x, weight = legendre.leggauss(2 * modes)
    identity = np.eye(modes)
    value = np.array([legendre.legval(x, row) for row in identity])
    slope = np.array([legendre.legval(x, legendre.legder(row)) for row in identity])
    norm = (2 * np.arange(modes) + 1) / 2
    matrix = -norm[:, None] * ((slope * weight * (1 - x**2)) @ (value + tau * slope).T)
    coefficients = expm(matrix * time)[:, 0]
    return lambda u: legendre.legval(u @ axis_of(3), coefficients)


@pytest.mark.parametrize("tau", [0.2, 0.02, 0.002])
def test_orders_over_the_peclet_range_on_the_circle(tau: float) -> None:
    """Measured order 1.8-1.9 at cell Peclet 0.5 to 49; numerics section 5, bounds x 1.3."""
    errors = []
    for cells in (16, 32):
        made = Noisy(2, cells, lambda u: u @ axis_of(2), tau)
        end = made.evolve(np.ones((*made.sphere.shape, 1)), 1.0)
        errors.append(made.l1(end, made.average(on_the_circle(tau, 1.0))))
    assert errors[1] <= 1.3e-4
    assert np.log2(errors[0] / errors[1]) >= 1.6


@pytest.mark.parametrize(("tau", "bound"), [(0.2, 4e-4), (0.02, 8e-4)])
def test_orders_over_the_peclet_range_on_the_sphere(tau: float, bound: float) -> None:
    """A bound on the speed that forgets the drift leaves 4e-2 here (check 9)."""
    errors = []
    for cells in (8, 16):
        made = Noisy(3, cells, lambda u: u @ axis_of(3), tau)
        end = made.evolve(np.ones((*made.sphere.shape, 1)), 0.7)
        errors.append(made.l1(end, made.average(on_the_sphere(tau, 0.7))))
    assert errors[1] <= bound
    assert np.log2(errors[0] / errors[1]) >= 1.7
