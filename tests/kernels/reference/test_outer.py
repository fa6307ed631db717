"""Transport along a where the velocity varies along it, against its definition."""

import numpy as np
import pytest

from bnflow.kernels import Velocity
from bnflow.kernels.contract import Grid, Heat, Scheme, Stage, Stencil
from bnflow.kernels.reference.outer import outer_flux, outer_speed
from bnflow.kernels.reference.transport import transport
from bnflow.pde.geometry.sphere import CubedSphere

A = np.linspace(-1.0, 2.0, 7)
SPHERE = CubedSphere(2, 4)
RESTING = Stencil(np.empty(0), np.empty(0), [], [])  # of directions: only a moves


def test_speeds_are_those_of_drift_ridge_and_noise() -> None:
    """u = outer - k ridge a - k tau dlog/w, face by face."""
    random = np.random.default_rng(0)
    rho, outer = random.uniform(0.5, 2.0, (5, 7)), random.normal(size=5)
    velocity = Velocity([], outer, 0.3, 2.0, Heat(0.1, outer, RESTING))
    got = outer_speed(velocity, outer, rho, A)
    for r, i in np.ndindex(5, 6):
        middle = 0.5 * (A[i] + A[i + 1])
        slope = np.log(rho[r, i + 1] / rho[r, i]) / 0.5
        assert got[r, i] == pytest.approx(outer[r] - 2 * 0.3 * middle - 2 * 0.1 * slope, abs=1e-13)


def test_next_to_vacuum_the_speed_stands_at_its_bound() -> None:
    rho = np.zeros((1, 7))
    rho[0, 3] = 1.0
    outer = np.array([0.4])
    velocity = Velocity([], outer, 0.3, 1.0, Heat(0.1, outer, RESTING))
    got = outer_speed(velocity, outer, rho, A)[0]
    drift = 0.4 - 0.3 * 0.5 * (A[1:] + A[:-1])
    assert got[2] == pytest.approx(-(abs(drift[2]) + 2 * 0.1 / 0.5))
    assert got[3] == pytest.approx(abs(drift[3]) + 2 * 0.1 / 0.5)


@pytest.mark.parametrize("scheme", ["upwind", "muscl", "weno"])
def test_a_ridge_pulls_every_column_together(scheme: Scheme) -> None:
    """Mass kept, nothing negative, and the mean falls as exp(-k ridge t) (second order)."""
    a = np.linspace(-2.97, 2.97, 100)
    rho = np.exp(-4 * (a - 0.8) ** 2) * np.ones((*SPHERE.shape, 1))
    velocity = Velocity([], np.zeros(SPHERE.shape), 0.5, 2.0)
    dt, steps, out = 0.004, 50, np.empty_like(rho)
    means = [(rho * a).sum() / rho.sum()]
    before = rho.sum()
    for _ in range(steps):
        grid = Grid(SPHERE.volume, a, float(a[1] - a[0]), SPHERE.connectivity)
        transport(out, rho, Stage(scheme, dt), velocity, grid)
        middle = out.copy()
        transport(out, middle, Stage(scheme, dt, (0.5, 0.5), rho), velocity, grid)
        rho = out.copy()
    means.append((rho * a).sum() / rho.sum())
    assert rho.min() >= 0.0
    assert rho.sum() == pytest.approx(before, rel=1e-13)
    # first-order upwind shifts the mean by half a cell's outflow, ridge w/2 t, at the most
    bound = 0.5 * 0.06 * 0.2 if scheme == "upwind" else 1e-3
    assert means[1] == pytest.approx(means[0] * np.exp(-0.2), abs=bound)


def test_without_ridge_the_flux_is_that_of_one_speed_a_column() -> None:
    """Bitwise what `transport` has for a column's own speed."""
    random = np.random.default_rng(1)
    rho, outer = random.uniform(size=(*SPHERE.shape, 7)), random.normal(size=SPHERE.shape)
    out = np.empty_like(rho)
    grid = Grid(SPHERE.volume, A, 0.5, SPHERE.connectivity)
    transport(out, rho, Stage("muscl", 0.1), Velocity([], outer), grid)
    columns = rho.reshape(-1, 7)
    flux = outer_flux(columns, np.repeat(outer.reshape(-1, 1), 6, axis=1), "muscl") / 0.5
    change = np.zeros_like(columns)
    change[:, :-1] += flux
    change[:, 1:] -= flux
    np.testing.assert_allclose(out.reshape(-1, 7), columns - 0.1 * change, rtol=0, atol=1e-15)
